import { shown } from "../state/moment";
import { type Activity, activity, loadProgress } from "../state/select";
import type { AppState } from "../state/state";
import type { Vocabulary } from "../state/vocabulary";
import type { TokenGenerated } from "../telemetry/protocol.gen";
import { h, setAttribute, setText } from "./dom";

/** Seconds between two updates, so that a screen reader can finish. */
const EVERY = 1;

/** Of the answer, the newest: a long run must not fill the memory. */
const MOST_SENTENCES = 200;

/** Longest text that is spoken at once, in characters: a model without full stops must be heard too. */
const LONGEST = 240;

const SENTENCES: Readonly<Record<Activity, string>> = {
  offline: "No connection to the server.",
  failed: "Failed.",
  "no-model": "No model is loaded.",
  loading: "The model is loading.",
  idle: "Ready for a prompt.",
  prefill: "Reading the prompt.",
  running: "Generating.",
  paused: "Paused.",
  finished: "Finished.",
  stopped: "Stopped.",
};

/**
 * What the canvas shows, as text for assistive technology: the state and the answer are
 * spoken, sentence by sentence; the numbers can be read at any time.
 */
export class Mirror {
  readonly element: HTMLElement;
  private readonly status = h("p", { role: "status", "aria-live": "polite" });
  private readonly answer = h("p", { "aria-live": "polite", "aria-atomic": "false", "aria-label": "Answer" });
  private readonly numbers = h("p", {});
  private readonly rows = h("tbody", {});
  private run = "";
  private nextStep = 0;
  private pending = "";
  private last = Number.NEGATIVE_INFINITY;
  /** Of what the numbers are. */
  private shown: TokenGenerated | undefined;
  private vocabulary: Vocabulary | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    const head = h("tr", {}, h("th", { scope: "col" }, "Token"), h("th", { scope: "col" }, "Probability"));
    const caption = h("caption", {}, "Most probable next tokens");
    const table = h("table", {}, caption, h("thead", {}, head), this.rows);
    this.element = h(
      "section",
      { class: "visually-hidden", "aria-label": "Inference, as text" },
      this.status,
      this.numbers,
      this.answer,
      table,
    );
  }

  update(state: AppState, now: number): void {
    this.collect(state);
    if (now - this.last < EVERY && now >= this.last) return;
    this.last = now;
    this.tell(state);
  }

  private tell(state: AppState): void {
    const status = SENTENCES[activity(state)];
    const detail = detailOf(state);
    setText(this.status, detail && detail !== status ? `${status} ${detail}` : status);
    this.showNumbers(state);
    this.speak(state);
    setAttribute(this.canvas, "aria-label", this.describe(state));
  }

  /** Tokens not yet spoken, in order, once each. */
  private collect(state: AppState): void {
    const run = state.run?.started.run_id ?? "";
    if (run !== this.run) {
      this.run = run;
      this.nextStep = 0;
      this.pending = "";
      this.answer.replaceChildren();
    }
    const newest = state.tokens.at(-1);
    if (!newest || newest.event.step < this.nextStep) return;
    const missing = newest.event.step - this.nextStep + 1;
    for (let i = Math.max(0, state.tokens.length - missing); i < state.tokens.length; i++) {
      const { event } = state.tokens.at(i)!;
      if (!event.eog) this.pending += event.token_text;
    }
    this.nextStep = newest.event.step + 1;
  }

  /** Hand over what is whole: up to the end of a sentence, or all when the run is over. */
  private speak(state: AppState): void {
    const now = activity(state);
    const over = now === "finished" || now === "stopped" || now === "paused" || now === "failed";
    let end = over || this.pending.length > LONGEST ? this.pending.length : lastSentenceEnd(this.pending);
    if (!over && end > LONGEST) end = this.pending.lastIndexOf(" ", LONGEST) + 1 || end;
    if (end <= 0) return;
    const text = this.pending.slice(0, end);
    this.pending = this.pending.slice(end);
    if (text.trim() === "") return;
    this.answer.append(h("span", {}, text));
    while (this.answer.childElementCount > MOST_SENTENCES) this.answer.firstElementChild!.remove();
  }

  /** Of the moment on show: a pinned one, or the newest. */
  private showNumbers(state: AppState): void {
    const token = shown(state).row?.event;
    if (token === this.shown && state.vocabulary === this.vocabulary) return;
    this.shown = token;
    this.vocabulary = state.vocabulary;
    if (!token) {
      setText(this.numbers, "");
      this.rows.replaceChildren();
      return;
    }
    setText(
      this.numbers,
      `Token ${token.step + 1}: ${spoken(token.token_text)}, probability ${token.probability.toFixed(3)}, rank ${token.rank}. Entropy ${token.entropy.toFixed(2)} nats. ${token.tokens_per_sec.toFixed(1)} tokens per second.`,
    );
    const rows: HTMLElement[] = [];
    for (let i = 0; i < Math.min(5, token.top_ids.data.length); i++) {
      const label = state.vocabulary?.label(token.top_ids.data[i]!) ?? `token ${token.top_ids.data[i]}`;
      rows.push(h("tr", {}, h("td", {}, label), h("td", {}, token.top_p.data[i]!.toFixed(3))));
    }
    this.rows.replaceChildren(...rows);
  }

  private describe(state: AppState): string {
    const token = shown(state).row?.event;
    const model = state.model ? `${state.model.name}: ` : "";
    if (!token) return `${model}the vocabulary as a dark nebula. ${SENTENCES[activity(state)]}`;
    const sure =
      token.entropy < 1 ? "confident, a point" : token.entropy > 3 ? "uncertain, a wide cloud" : "in between";
    return `${model}the vocabulary as a nebula, ${sure}; ${state.selection.step === null ? "the newest token" : `token ${token.step + 1}`} is ${spoken(token.token_text)}.`;
  }
}

/** What the server says of the present state, in its own sentence. */
function detailOf(state: AppState): string {
  const now = activity(state);
  if (now === "loading") return loadProgress(state)?.message ?? "";
  if (now === "offline") return state.connection.message;
  if (now === "idle" || now === "no-model") return "";
  return state.run?.state?.message || state.problem?.message || "";
}

/** Index after the last full stop, question or exclamation mark or line break; 0 without one. */
export function lastSentenceEnd(text: string): number {
  let end = 0;
  for (const match of text.matchAll(/[.!?…。！？]+["'”’)\]]*\s|\n/gu)) end = match.index + match[0].length;
  return end;
}

function spoken(text: string): string {
  if (text === "\n") return "line break";
  return text.trim() === "" ? "space" : `“${text.trim()}”`;
}
