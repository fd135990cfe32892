import type { AppState } from "../../state/state";
import type { HudUi } from "../ui";
import type { HistoryView } from "./entropy_history";
import type { HeadHistory } from "./head_history";

const SLOT = "entropy-history";
/** Heads of a layer that are asked for, the selected one first; of a wider layer that one alone. */
const MOST_HEADS = 16;
/** Positions that pass before what was missed meanwhile is asked for. */
const PATIENCE = 32;

/** Asks the server for what the page has not seen of the history on show: frames it missed, and what came before. */
export class HistoryAsker {
  private asked = "";
  private askedAt = -1;

  /** What was asked for is to be asked for again. */
  forget(): void {
    this.asked = "";
  }

  follow(state: AppState, history: HeadHistory, view: HistoryView, position: number, ui: HudUi): void {
    const { layer, head } = state.selection;
    if (layer >= history.layers || head >= history.heads) return;
    const subject = `${state.run?.started.run_id} ${layer} ${history.heads > MOST_HEADS ? head : ""}`;
    if (subject === this.asked && Math.abs(position - this.askedAt) < PATIENCE) return;
    this.asked = subject;
    this.askedAt = position;
    const heads = history.heads > MOST_HEADS ? [head] : [head, ...others(history.heads, head)];
    const stop = position + 1;
    for (const one of heads) {
      const start = firstMissing(history, layer, one, view.start, stop);
      if (start === stop) continue;
      const asked = { kind: "get_head_history", layer, head: one, start, stop } as const;
      // A slot for each row of the picture: another layer's question takes the place of one that waits.
      ui.host.ask(`${SLOT} ${one}`, asked, (reply) => history.fill(reply));
    }
  }
}

function others(heads: number, but: number): number[] {
  return Array.from({ length: heads }, (_, i) => i).filter((i) => i !== but);
}

/** The first position from `start` on that is not known; `stop` when all are. */
function firstMissing(
  history: HeadHistory,
  layer: number,
  head: number,
  start: number,
  stop: number,
): number {
  let position = start;
  while (position < stop && !Number.isNaN(history.at(position, layer, head))) position++;
  return position;
}
