import type { AppState } from "../../state/state";
import type { Actions } from "../actions";
import { h, setAttribute } from "../dom";
import type { Command } from "./palette_commands";

const MOST_SHOWN = 12;

/**
 * Everything the page can do, found by typing: Ctrl or Cmd and K. The box is there at once, so that no key is lost; what
 * can be found comes when it is first opened.
 */
export class Palette {
  readonly element: HTMLDialogElement;
  private readonly input: HTMLInputElement;
  private readonly list: HTMLElement;
  private found: readonly Command[] = [];
  private chosen = 0;
  private commands: typeof import("./palette_commands") | null = null;

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
    const { commands, input } = this;
    if (!commands) {
      this.load(() => this.search());
      return;
    }
    const all = commands.commandsFor(this.state, this.models(), input.value, this.actions);
    this.found = commands.matching(all, input.value).slice(0, MOST_SHOWN);
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
    if (rows.length > 0) this.list.replaceChildren(...rows);
    else this.say("Nothing of that name");
    this.choose(0);
  }

  private load(then: () => void): void {
    import("./palette_commands").then(
      (commands) => {
        this.commands = commands;
        then();
      },
      () => this.say("What there is to do could not be loaded; try again."),
    );
  }

  private say(words: string): void {
    this.list.replaceChildren(h("li", { class: "none" }, words));
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
    else if (event.key === "Enter" && this.commands) this.run(this.chosen);
    else if (event.key === "Enter") this.load(() => this.run(this.chosen));
    else return;
    event.preventDefault();
  }
}
