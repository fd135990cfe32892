import { mayControl, mayRun } from "../../state/select";
import type { Settings } from "../../state/settings";
import type { AppState } from "../../state/state";
import type { Actions } from "../actions";
import { h, icon, setAttribute, setDisabled } from "../dom";

const SEND = "M2 8h9M7 3.5 11.5 8 7 12.5";

/** Where a person writes what the model shall go on from. Enter sends, Shift+Enter breaks the line. */
export class PromptControl {
  readonly element: HTMLFormElement;
  private readonly text: HTMLTextAreaElement;
  private readonly send: HTMLButtonElement;
  private readonly modes: readonly HTMLButtonElement[];
  private touched = false;

  constructor(
    private readonly settings: Settings,
    private readonly actions: Actions,
    private readonly changed: () => void,
  ) {
    this.text = h("textarea", {
      id: "prompt",
      rows: 2,
      placeholder: "Write a prompt",
      "aria-label": "Prompt",
      autocomplete: "off",
      spellcheck: false,
      enterkeyhint: "send",
      keydown: (event: KeyboardEvent) => this.key(event),
      input: () => this.typed(),
    });
    this.text.value = settings.prompt;
    this.touched = settings.prompt !== "";
    this.send = h(
      "button",
      { type: "submit", class: "send", "data-tip": "Send the prompt (Enter)" },
      "SEND",
      icon(SEND),
    );
    this.modes = [
      this.mode("CHAT", false, "The prompt is put into the model's chat template."),
      this.mode("RAW", true, "The model goes on from the very text, without a template."),
    ];
    const submit = (event: SubmitEvent) => {
      event.preventDefault();
      this.submit();
    };
    const modes = h(
      "div",
      { class: "segments", role: "group", "aria-label": "How the prompt is sent" },
      ...this.modes,
    );
    this.element = h(
      "form",
      { class: "prompt", submit },
      this.text,
      h("div", { class: "prompt-side" }, modes, this.send),
    );
    this.showMode();
  }

  focus(): void {
    this.text.focus();
    this.text.select();
  }

  update(state: AppState): void {
    const able = mayControl(state);
    setDisabled(this.text, !able);
    setDisabled(this.send, !mayRun(state));
    for (const button of this.modes) setDisabled(button, !able);
    setAttribute(this.text, "placeholder", placeholder(state));
    // The run on show fills an untouched prompt, so that it can be changed and sent again.
    if (!this.touched && state.run && this.settings.prompt !== state.run.started.prompt) {
      this.settings.prompt = state.run.started.prompt;
      this.text.value = state.run.started.prompt;
    }
  }

  private mode(label: string, raw: boolean, tip: string): HTMLButtonElement {
    const click = () => {
      this.settings.raw = raw;
      this.showMode();
      this.changed();
    };
    return h("button", { type: "button", "data-tip": tip, click }, label);
  }

  private showMode(): void {
    this.modes.forEach((button, i) => {
      setAttribute(button, "aria-pressed", String(this.settings.raw === (i === 1)));
    });
  }

  private key(event: KeyboardEvent): void {
    // Enter that ends an input method's composition is not a wish to send.
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      this.submit();
    } else if (event.key === "Escape") {
      event.preventDefault();
      this.text.blur();
    }
  }

  private typed(): void {
    this.touched = true;
    this.settings.prompt = this.text.value;
    this.changed();
  }

  private submit(): void {
    this.settings.prompt = this.text.value;
    if (!this.send.disabled && this.text.value.trim() !== "") this.actions.generate();
  }
}

function placeholder(state: AppState): string {
  if (mayControl(state)) return "Write a prompt";
  return state.connection.phase === "open" || state.connection.phase === "replay"
    ? "View only: this run can be watched, not changed"
    : "Waiting for the server";
}
