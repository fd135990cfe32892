import { clampField, FIELDS, type Field } from "../../state/fields";
import { mayControl } from "../../state/select";
import type { Settings } from "../../state/settings";
import type { AppState } from "../../state/state";
import { h, setDisabled, setText } from "../dom";

interface Entry {
  readonly field: Field;
  readonly box: HTMLElement;
  readonly input: HTMLInputElement;
  readonly word: HTMLElement;
}

/** The sampler's numbers, for the next run. */
export class SamplingControl {
  readonly element: HTMLElement;
  private readonly entries: readonly Entry[];
  private readonly reset: HTMLButtonElement;

  constructor(
    private readonly settings: Settings,
    private readonly changed: () => void,
  ) {
    this.entries = FIELDS.map((field) => this.entry(field));
    const attributes = {
      type: "button",
      class: "quiet",
      "data-tip": "All as at first.",
      click: () => this.restore(),
    };
    this.reset = h("button", attributes, "RESET");
    const boxes = this.entries.map((entry) => entry.box);
    this.element = h(
      "div",
      { class: "sampling", role: "group", "aria-label": "Sampling" },
      ...boxes,
      this.reset,
    );
    this.show();
  }

  update(state: AppState): void {
    const able = mayControl(state);
    for (const { input } of this.entries) setDisabled(input, !able);
    setDisabled(this.reset, !able);
  }

  private entry(field: Field): Entry {
    const input = h("input", {
      type: "number",
      id: `field-${field.key}`,
      min: field.min,
      max: field.max,
      step: field.step,
      inputmode: field.digits > 0 ? "decimal" : "numeric",
      "aria-label": field.name,
      "aria-description": field.tip,
      change: () => this.take(field, input),
    });
    const word = h("span", { class: "word", "aria-hidden": true });
    const box = h(
      "label",
      { class: `field field-${field.key}`, "data-tip": field.tip },
      h("span", { class: "caption", "aria-hidden": true }, field.label),
      input,
      word,
    );
    return { field, box, input, word };
  }

  private take(field: Field, input: HTMLInputElement): void {
    this.settings.values[field.key] = clampField(field, input.valueAsNumber);
    this.show();
    this.changed();
  }

  private restore(): void {
    for (const field of FIELDS) this.settings.values[field.key] = field.initial;
    this.show();
    this.changed();
  }

  private show(): void {
    for (const { field, box, input, word } of this.entries) {
      const value = this.settings.values[field.key];
      input.value = value.toFixed(field.digits);
      const off = field.off?.value === value;
      setText(word, off ? field.off!.word : "");
      box.classList.toggle("is-off", off);
      box.classList.toggle("is-changed", value !== field.initial);
    }
  }
}
