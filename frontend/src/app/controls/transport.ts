import { activity, isRunning, mayRun } from "../../state/select";
import type { AppState } from "../../state/state";
import type { Actions } from "../actions";
import { h, icon, setAttribute, setDisabled } from "../dom";

const PLAY = "M4.5 2.5v11l9-5.5z";
const PAUSE = "M4 3h3v10H4zM9 3h3v10H9z";
const STEP = "M3 3v10l7-5zM11 3h2v10h-2z";
const STOP = "M3.5 3.5h9v9h-9z";

/** Play or pause, step, stop. */
export class TransportControl {
  readonly element: HTMLElement;
  private readonly play: HTMLButtonElement;
  private readonly step: HTMLButtonElement;
  private readonly stop: HTMLButtonElement;
  private readonly playPath: SVGPathElement;

  constructor(private readonly actions: Actions) {
    const symbol = icon(PLAY);
    this.playPath = symbol.querySelector("path")!;
    this.play = h(
      "button",
      { type: "button", class: "play", "aria-label": "Play", click: () => actions.togglePlay() },
      symbol,
    );
    this.step = button("Step", "One token, then pause (.)", STEP, () => actions.step());
    this.stop = button("Stop", "Stop the run (Esc)", STOP, () => actions.stop());
    const attributes = { class: "transport", role: "group", "aria-label": "Run" };
    this.element = h("div", attributes, this.play, this.step, this.stop);
  }

  update(state: AppState): void {
    const playing = this.actions.playing();
    if (playing !== null) {
      this.updateReplay(playing);
      return;
    }
    const able = mayRun(state);
    const now = activity(state);
    const runs = now === "running" || now === "prefill";
    const paused = now === "paused";
    setAttribute(this.playPath, "d", runs ? PAUSE : PLAY);
    setAttribute(this.play, "aria-label", runs ? "Pause" : paused ? "Resume" : "Play");
    setAttribute(this.play, "data-tip", runs ? "Pause (Space)" : paused ? "Go on (Space)" : "Start (Space)");
    setDisabled(this.play, !able);
    setDisabled(this.step, !able || !isRunning(state));
    setDisabled(this.stop, !able || !isRunning(state));
  }

  private updateReplay(playing: boolean): void {
    setAttribute(this.playPath, "d", playing ? PAUSE : PLAY);
    setAttribute(this.play, "aria-label", playing ? "Pause" : "Play");
    setAttribute(this.play, "data-tip", playing ? "Pause (Space)" : "Play (Space)");
    setAttribute(this.step, "data-tip", "The next token (.)");
    setDisabled(this.play, false);
    setDisabled(this.step, false);
    setDisabled(this.stop, true);
  }
}

function button(name: string, tip: string, path: string, click: () => void): HTMLButtonElement {
  return h("button", { type: "button", "aria-label": name, "data-tip": tip, click }, icon(path));
}
