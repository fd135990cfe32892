import { PRESETS } from "../../hud/arrangement";
import type { AppState, Preset } from "../../state/state";
import type { Actions } from "../actions";
import { h, icon, setAttribute } from "../dom";

const LABELS: Readonly<Record<Preset, readonly [label: string, tip: string]>> = {
  monitor: ["MONITOR", "The inference monitor and the nebula (1)"],
  attention: ["ATTENTION", "Where the model looks (2)"],
  memory: ["MEMORY", "Cache, buffers, positions (3)"],
  nebula: ["NEBULA", "The nebula alone (4)"],
  everything: ["ALL", "Every instrument round the nebula (5)"],
};

const SEARCH =
  "M7 2a5 5 0 1 0 3 9l3.5 3.5 1-1L11 10a5 5 0 0 0-4-8zm0 1.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7z";

const SHARE =
  "M12 1.5a2.5 2.5 0 1 1-1.9 4.1L6.4 7.4a2.5 2.5 0 0 1 0 1.2l3.7 1.8a2.5 2.5 0 1 1-.6 1.3L5.8 9.9a2.5 2.5 0 1 1 0-3.8l3.7-1.8a2.5 2.5 0 0 1 2.5-2.8z";

/** Which instruments the page shows. */
export class PresetSwitch {
  readonly element: HTMLElement;
  private readonly buttons: readonly HTMLButtonElement[];
  /** Only an owner makes links. */
  private readonly share: HTMLButtonElement;

  constructor(actions: Actions) {
    this.buttons = PRESETS.map((preset, i) => {
      const [label, tip] = LABELS[preset];
      const attributes = { type: "button", "aria-label": label, "data-tip": tip };
      return h(
        "button",
        { ...attributes, click: () => actions.setPreset(preset) },
        h("span", { class: "digit" }, String(i + 1)),
        h("span", { class: "name" }, label),
      );
    });
    const palette = quiet("Commands", "All commands (Ctrl K)", icon(SEARCH), () => actions.togglePalette());
    this.share = quiet("Share", "Share a link (S)", icon(SHARE), () => actions.showShare());
    this.share.hidden = true;
    const help = quiet("Help", "Keyboard and help (?)", "?", () => actions.toggleHelp());
    const segments = h("div", { class: "segments", role: "group", "aria-label": "Preset" }, ...this.buttons);
    this.element = h("div", { class: "views" }, segments, this.share, palette, help);
  }

  update(state: AppState): void {
    this.share.hidden = state.right !== "owner";
    PRESETS.forEach((preset, i) => {
      setAttribute(this.buttons[i]!, "aria-pressed", String(preset === state.preset));
    });
  }
}

function quiet(
  name: string,
  tip: string,
  label: string | SVGSVGElement,
  click: () => void,
): HTMLButtonElement {
  return h("button", { type: "button", class: "quiet", "aria-label": name, "data-tip": tip, click }, label);
}
