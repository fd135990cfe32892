import type { Settings } from "../../state/settings";
import type { AppState } from "../../state/state";
import type { FoundModel } from "../../telemetry/resources";
import type { Actions } from "../actions";
import { h } from "../dom";
import { ModelPicker } from "./model_picker";
import { PresetSwitch } from "./preset_switch";
import { PromptControl } from "./prompt";
import { SamplingControl } from "./sampling";
import { TransportControl } from "./transport";

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** All controls, in one strip over the canvas. */
export class Dock {
  readonly element: HTMLElement;
  readonly prompt: PromptControl;
  readonly models: ModelPicker;
  private readonly parts: readonly { update(state: AppState): void }[];

  constructor(
    settings: Settings,
    actions: Actions,
    list: () => Promise<readonly FoundModel[]>,
    changed: () => void,
  ) {
    this.prompt = new PromptControl(settings, actions, changed);
    this.models = new ModelPicker(actions, list, changed);
    const sampling = new SamplingControl(settings, changed);
    const transport = new TransportControl(actions);
    const presets = new PresetSwitch(actions);
    this.parts = [this.prompt, this.models, sampling, transport, presets];
    const top = h("div", { class: "dock-row" }, transport.element, this.prompt.element);
    const bottom = h("div", { class: "dock-row" }, this.models.element, sampling.element, presets.element);
    const enter = (event: FocusEvent) => this.open(event.target);
    const leave = (event: FocusEvent) => {
      if (!this.element.contains(event.relatedTarget as Node | null))
        this.element.classList.remove("is-open");
    };
    const attributes = { class: "dock", "aria-label": "Controls", focusin: enter, focusout: leave };
    this.element = h("section", attributes, top, bottom);
  }

  update(state: AppState): void {
    for (const part of this.parts) part.update(state);
  }

  chooseModel(): void {
    this.element.classList.add("is-open");
    this.models.focus();
  }

  /** One line opens when something in it is written or chosen; buttons leave it as it is. */
  private open(target: EventTarget | null): void {
    if (target instanceof Element && target.matches("textarea, input, select")) {
      this.element.classList.add("is-open");
    }
  }

  /** Lay the strip over `rect`, in logical pixels of the canvas; `compact` is one line. */
  place(rect: Rect, compact: boolean, pageHeight: number): void {
    const { style } = this.element;
    this.element.dataset.compact = String(compact);
    style.left = `${rect.x}px`;
    style.width = `${rect.width}px`;
    // One line grows upwards, over the nebula, while it is used.
    style.setProperty("--dock-end", `${pageHeight - rect.y - rect.height}px`);
    style.setProperty("--dock-height", `${rect.height}px`);
  }
}
