import type { Requests } from "../../state/requests";
import type { AppState } from "../../state/state";
import type { AttentionModel } from "./attention_model";
import { DETAIL_SPAN, DetailCells } from "./cells";
import type { MatrixWindow } from "./matrix_window";

/** Fetches the exact cells of a window of a matrix that the page holds joined only. */
export class Detail {
  private cells: DetailCells | null = null;
  private key = "";
  private asked = "";
  private askedTops = "";

  /** What was refused may be there now. */
  forget(): void {
    this.asked = "";
    this.askedTops = "";
  }

  /** The exact cells of `window`; null while they are not there, or where there would be too many. */
  of(
    state: AppState,
    model: AttentionModel,
    window: MatrixWindow,
    perRow: boolean,
    ask: Requests["ask"],
  ): DetailCells | null {
    const { layer, head, mode, length } = model;
    const key = `${state.run?.started.run_id}/${layer}/${head}/${mode}`;
    if (key !== this.key) {
      this.key = key;
      this.cells = null;
      this.asked = "";
      this.askedTops = "";
    }
    if (this.cells?.covers(window, length)) {
      if (perRow && !this.cells.tops) this.askTops(model, this.cells, ask);
      return this.cells;
    }
    if (window.span > DETAIL_SPAN) return null;
    // As the run grows, what was exact stays on show until the newest rows are there too.
    const held = this.cells?.covers(window, this.cells.length) ? this.cells : null;
    const query_start = Math.min(window.query, length - 1);
    const query_stop = Math.min(query_start + window.span, length);
    const key_start = Math.min(window.key, query_stop - 1);
    const key_stop = Math.min(key_start + window.span, query_stop);
    const asked = `${query_start}-${query_stop}/${key_start}-${key_stop}`;
    if (asked === this.asked) return held;
    this.asked = asked;
    const piece = { query_start, query_stop, key_start, key_stop, max_size: DETAIL_SPAN };
    ask("attention detail", { kind: "get_attention", layer, head, mode, ...piece }, (reply) => {
      if (key !== this.key) return;
      this.cells = new DetailCells(reply);
      this.askedTops = "";
    });
    return held;
  }

  /** The greatest weights of the rows lie outside of the window, perhaps: over all keys, joined as far as may be. */
  private askTops(model: AttentionModel, cells: DetailCells, ask: Requests["ask"]): void {
    const { key } = this;
    const { layer, head, mode } = model;
    const { query_start, query_stop } = cells;
    const asked = `tops ${query_start}-${query_stop}`;
    if (asked === this.askedTops) return;
    this.askedTops = asked;
    // As many columns as rows, at least: a size below the rows' would join those too.
    const piece = { query_start, query_stop, key_start: 0, key_stop: query_stop };
    const max_size = Math.max(query_stop - query_start, 8);
    ask("attention rows", { kind: "get_attention", layer, head, mode, ...piece, max_size }, (reply) => {
      if (key === this.key && cells === this.cells) this.cells = cells.withTops(reply);
    });
  }
}
