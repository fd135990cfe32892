import { offers } from "../../state/select";
import type { AppState } from "../../state/state";
import { h } from "../dom";
import { SHORTCUTS } from "../keyboard";

let help: Help | null = null;

/** Shows the help of the page under `root`, or takes it away. */
export function toggleHelp(root: HTMLElement, state: AppState): void {
  if (!help || help.element.parentElement !== root) {
    help = new Help();
    root.append(help.element);
  }
  help.toggle(state);
}

/** The keyboard map, and what one is looking at. */
class Help {
  readonly element: HTMLDialogElement;
  private readonly alone: HTMLElement;
  private readonly rows: readonly HTMLElement[];

  constructor() {
    this.rows = SHORTCUTS.map((shortcut) =>
      h("div", {}, h("dt", {}, h("kbd", {}, shortcut.shown)), h("dd", {}, shortcut.does)),
    );
    this.alone = h(
      "p",
      {},
      "This page stands alone: it shows the session it was exported with, and no server is behind it.",
    );
    const close = h("button", { type: "button", class: "quiet", click: () => this.element.close() }, "CLOSE");
    this.element = h(
      "dialog",
      { class: "help", "aria-labelledby": "help-title", click: (event: MouseEvent) => this.outside(event) },
      h("h2", { id: "help-title" }, "CLOUD CHAMBER"),
      h(
        "p",
        {},
        "Every point is a token of the model's vocabulary; similar tokens stand together. Its light is how probable the model holds it to be the next one. The chosen token flares white, and a trail runs through the last twenty.",
      ),
      h(
        "p",
        {},
        "Drag to turn, wheel or pinch to come nearer, right button or two fingers to move. Point at a light to read it.",
      ),
      this.alone,
      h("dl", {}, ...this.rows),
      close,
    );
  }

  /** With the keys that do something for this page. */
  toggle(state: AppState): void {
    this.alone.hidden = !state.alone;
    this.rows.forEach((row, i) => {
      row.style.display = offers(state, SHORTCUTS[i]!.needs) ? "" : "none";
    });
    if (this.element.open) this.element.close();
    else this.element.showModal();
  }

  private outside(event: MouseEvent): void {
    if (event.target === this.element) this.element.close();
  }
}
