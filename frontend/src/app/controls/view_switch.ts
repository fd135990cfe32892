import type { AppState, ViewMode } from "../../state/state";
import type { Actions } from "../actions";
import { h, setAttribute } from "../dom";

const VIEWS: readonly (readonly [ViewMode, string, string])[] = [
  ["nebula", "NEBULA", "The nebula alone (1)"],
  ["hud", "HUD", "The instruments alone (2)"],
  ["both", "BOTH", "Nebula and instruments (3)"],
];

/** What the page shows. */
export class ViewSwitch {
  readonly element: HTMLElement;
  private readonly buttons: readonly HTMLButtonElement[];

  constructor(actions: Actions) {
    this.buttons = VIEWS.map(([view, label, tip]) =>
      h("button", { type: "button", "data-tip": tip, click: () => actions.setView(view) }, label),
    );
    const help = h(
      "button",
      {
        type: "button",
        class: "quiet",
        "aria-label": "Help",
        "data-tip": "Keyboard and help (?)",
        click: () => actions.toggleHelp(),
      },
      "?",
    );
    const segments = h("div", { class: "segments", role: "group", "aria-label": "View" }, ...this.buttons);
    this.element = h("div", { class: "views" }, segments, help);
  }

  update(state: AppState): void {
    VIEWS.forEach(([view], i) => {
      setAttribute(this.buttons[i]!, "aria-pressed", String(view === state.view));
    });
  }
}
