import type { AppState } from "../../state/state";
import type { Actions } from "../actions";
import { h, setAttribute } from "../dom";
import { type Command, commandsFor, matching } from "./palette_commands";

const MOST_SHOWN = 12;

/** Everything the page can do, found by typing: Ctrl or Cmd and K. */
export class Palette {
  readonly element: HTMLDialogElement;
  private readonly input: HTMLInputElement;
  private readonly list: HTMLElement;
  private found: readonly Command[] = [];
  private chosen = 0;

  constructor(
    private readonly state: AppState,
    private readonly actions: Actions,
    private readonly models: () => readonly { readonly id: string; readonly name: string }[],
  ) {
    this.input = h("input", {
      type: "text",
      role: "combobox",
      "aria-label": "What to do",
      "aria-expanded": true,
      "aria-controls": "palette-list",
      "aria-autocomplete": "list",
      placeholder: "What to do: an instrument, a preset, L23 H5, token 40, a model …",
      autocomplete: "off",
      spellcheck: false,
      input: () => this.search(),
      keydown: (event: KeyboardEvent) => this.key(event),
    });
    this.list = h("ul", { id: "palette-list", role: "listbox", "aria-label": "Commands" });
    const outside = (event: MouseEvent) => {
      if (event.target === this.element) this.element.close();
    };
    this.element = h(
      "dialog",
      { class: "palette", "aria-label": "Commands", click: outside },
      this.input,
      this.list,
    );
  }

  toggle(): void {
    if (this.element.open) {
      this.element.close();
      return;
    }
    this.input.value = "";
    this.search();
    this.element.showModal();
    this.input.focus();
  }

  private search(): void {
    const commands = commandsFor(this.state, this.models(), this.input.value);
    this.found = matching(commands, this.input.value).slice(0, MOST_SHOWN);
    this.chosen = 0;
    const rows = this.found.map((command, i) =>
      h(
        "li",
        {
          id: `palette-${i}`,
          role: "option",
          click: () => this.run(i),
          pointermove: () => this.choose(i),
        },
        h("span", {}, command.name),
        h("span", { class: "kind" }, command.kind),
        ...(command.key ? [h("kbd", {}, command.key)] : []),
      ),
    );
    this.list.replaceChildren(
      ...(rows.length > 0 ? rows : [h("li", { class: "none" }, "Nothing of that name")]),
    );
    this.choose(0);
  }

  private choose(index: number): void {
    this.chosen = index;
    [...this.list.children].forEach((row, i) => {
      setAttribute(row, "aria-selected", String(i === index));
    });
    setAttribute(this.input, "aria-activedescendant", this.found.length > 0 ? `palette-${index}` : "");
  }

  private run(index: number): void {
    const command = this.found[index];
    if (!command) return;
    this.element.close();
    command.run(this.actions);
  }

  private key(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const count = Math.max(1, this.found.length);
    if (event.key === "ArrowDown") this.choose((this.chosen + 1) % count);
    else if (event.key === "ArrowUp") this.choose((this.chosen + count - 1) % count);
    else if (event.key === "Enter") this.run(this.chosen);
    else return;
    event.preventDefault();
  }
}
