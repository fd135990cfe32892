import type { Actions } from "./actions";
import { h, setText } from "./dom";
import type { MessageSpec } from "./messages";

interface Shown {
  readonly element: HTMLElement;
  readonly ticking: HTMLElement;
  readonly content: string;
}

/** The messages on the screen, read out as they come. */
export class MessageView {
  readonly element = h("div", { class: "messages" });
  private readonly shown = new Map<string, Shown>();

  constructor(private readonly actions: Actions) {}

  update(specs: readonly MessageSpec[]): void {
    if (specs.length === 0 && this.shown.size === 0) return;
    for (const [id, { element }] of this.shown) {
      if (specs.some((spec) => spec.id === id)) continue;
      element.remove();
      this.shown.delete(id);
    }
    for (const spec of specs) this.show(spec);
  }

  private show(spec: MessageSpec): void {
    const content = `${spec.tone}|${spec.title}|${spec.text}|${spec.hint}`;
    let shown = this.shown.get(spec.id);
    if (shown?.content !== content) {
      const fresh = this.build(spec, content);
      if (shown) shown.element.replaceWith(fresh.element);
      else this.element.append(fresh.element);
      this.shown.set(spec.id, fresh);
      shown = fresh;
    }
    setText(shown.ticking, spec.ticking);
  }

  private build(spec: MessageSpec, content: string): Shown {
    const ticking = h("span", { class: "ticking", "aria-hidden": true });
    const buttons = spec.ways.map((way) =>
      h("button", { type: "button", click: () => way.go(this.actions) }, way.label),
    );
    const element = h(
      "section",
      {
        class: `message tone-${spec.tone}`,
        role: spec.tone === "plain" ? "status" : "alert",
        "data-message": spec.id,
      },
      h("h2", {}, spec.title),
      h("p", {}, spec.text),
      ...(spec.hint ? [h("p", { class: "hint" }, spec.hint)] : []),
      h("div", { class: "ways" }, ticking, ...buttons),
    );
    return { element, ticking, content };
  }
}
