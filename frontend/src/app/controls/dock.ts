import type { Settings } from "../../state/settings";
import type { AppState } from "../../state/state";
import type { FoundModel } from "../../telemetry/resources";
import type { Actions } from "../actions";
import { h } from "../dom";
import { ModelPicker } from "./model_picker";
import { PromptControl } from "./prompt";
import { SamplingControl } from "./sampling";
import { TransportControl } from "./transport";
import { ViewSwitch } from "./view_switch";

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
    const views = new ViewSwitch(actions);
    this.parts = [this.prompt, this.models, sampling, transport, views];
    const top = h("div", { class: "dock-row" }, transport.element, this.prompt.element);
    const bottom = h("div", { class: "dock-row" }, this.models.element, sampling.element, views.element);
    this.element = h("section", { class: "dock", "aria-label": "Controls" }, top, bottom);
  }

  update(state: AppState): void {
    for (const part of this.parts) part.update(state);
  }

  /** Lay the strip over `rect`, in logical pixels of the canvas. */
  place(rect: Rect, compact: boolean): void {
    const { style } = this.element;
    this.element.dataset.compact = String(compact);
    style.left = `${rect.x}px`;
    style.top = `${rect.y}px`;
    style.width = `${rect.width}px`;
    style.height = `${rect.height}px`;
  }
}
