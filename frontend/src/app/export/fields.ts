import { h } from "../dom";

export interface Choice<T> {
  readonly element: HTMLSelectElement;
  readonly value: T | undefined;
  set(value: T): void;
  offer(values: readonly T[]): void;
}

/** A select of a few values. */
export function choice<T>(label: string, values: readonly T[], name: (value: T) => string): Choice<T> {
  let offered = values;
  const element = h("select", { "aria-label": label });
  const fill = () => {
    element.replaceChildren(...offered.map((value, i) => h("option", { value: i }, name(value))));
  };
  fill();
  return {
    element,
    get value() {
      return offered[element.selectedIndex];
    },
    set(value) {
      element.selectedIndex = offered.indexOf(value);
    },
    offer(next) {
      const chosen = this.value;
      offered = next;
      fill();
      element.selectedIndex = Math.max(0, offered.indexOf(chosen as T));
    },
  };
}

export function numeric(label: string, value: number, changed: () => void): HTMLInputElement {
  return h("input", {
    type: "number",
    "aria-label": label,
    value,
    min: 1,
    step: 1,
    required: true,
    input: changed,
  });
}

export function row(
  attributes: { class: string },
  name: string,
  ...rest: readonly (Node | string)[]
): HTMLElement {
  return h("div", { class: `row ${attributes.class}` }, h("span", { class: "name" }, name), ...rest);
}
