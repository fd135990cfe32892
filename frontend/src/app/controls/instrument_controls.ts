import type { Option } from "../../hud/instrument";
import { INSTRUMENTS } from "../../hud/instruments";
import { chosen } from "../../hud/options";
import type { AppState } from "../../state/state";
import type { Actions } from "../actions";
import { h, setAttribute } from "../dom";

/** Seconds between two looks at what pointers and keys have changed. */
const EVERY = 0.25;

interface Chooser {
  readonly option: Option;
  readonly box: HTMLElement;
  readonly select: HTMLSelectElement;
  readonly there: (state: AppState) => boolean;
}

/**
 * The sliders and switches that the instruments draw, as elements: for a keyboard and a screen reader. Out of sight
 * until one of them has the focus.
 */
export class InstrumentControls {
  readonly element: HTMLElement;
  private readonly layer: HTMLInputElement;
  private readonly head: HTMLInputElement;
  private readonly choosers: readonly Chooser[];
  private updatedAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly actions: Actions) {
    this.layer = slider("Layer", (value) => this.actions.selectHead(value, Number(this.head.value)));
    this.head = slider("Head", (value) => this.actions.selectHead(Number(this.layer.value), value));
    this.choosers = INSTRUMENTS.flatMap(({ options = [], available }) =>
      options.map((option) => this.chooser(option, (state) => available?.(state) !== false)),
    );
    this.element = h(
      "section",
      { class: "instrument-controls", "aria-label": "Instruments" },
      labelled("Layer", this.layer),
      labelled("Head", this.head),
      ...this.choosers.map(({ box }) => box),
    );
  }

  /** `now` is the page's clock. */
  update(state: AppState, now: number): void {
    if (Math.abs(now - this.updatedAt) < EVERY) return;
    this.updatedAt = now;
    const { model, selection } = state;
    show(this.layer, selection.layer, model?.n_layer ?? 0);
    show(this.head, selection.head, model?.n_head ?? 0);
    for (const { option, box, select, there } of this.choosers) {
      const hidden = !there(state);
      if (box.hidden !== hidden) box.hidden = hidden;
      const value = chosen(state, option);
      if (select.value !== value) select.value = value;
    }
  }

  private chooser(option: Option, there: (state: AppState) => boolean): Chooser {
    const words = option.choices.map(({ value, word }) => h("option", { value }, word));
    const select = h("select", { "aria-label": option.label }, ...words);
    select.addEventListener("change", () => this.actions.setOption(option, select.value));
    return { option, box: labelled(option.label, select), select, there };
  }
}

function slider(name: string, set: (value: number) => void): HTMLInputElement {
  const input = h("input", { type: "range", min: 0, step: 1, "aria-label": name });
  input.addEventListener("input", () => set(input.valueAsNumber));
  return input;
}

function labelled(name: string, control: HTMLElement): HTMLElement {
  return h("label", {}, h("span", { "aria-hidden": true }, name), control);
}

function show(input: HTMLInputElement, value: number, count: number): void {
  setAttribute(input, "max", String(Math.max(count - 1, 0)));
  if (input.disabled !== count < 2) input.disabled = count < 2;
  if (input.valueAsNumber !== value) input.value = String(value);
}
