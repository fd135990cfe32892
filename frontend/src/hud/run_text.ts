import type { AppState, TokenRow } from "../state/state";
import { TokenStream } from "./token_stream";

/** Longest tail of a prompt that is laid out, in characters. */
const MOST_PROMPT = 20_000;

/**
 * The text of the run on show, wrapped. Follows the state: new tokens are added, a new run or another width
 * starts anew. Bytes of a character that is split over tokens are joined: it shows with its last token.
 */
export class RunText {
  stream: TokenStream;
  private runId = "";
  private consumed = 0;
  private decoder = new TextDecoder();

  constructor(private readonly cells: (cluster: string) => number) {
    this.stream = new TokenStream(40, cells);
  }

  /** Brings the text up to `state`, wrapped at `columns`. */
  follow(state: AppState, columns: number): TokenStream {
    const run = state.run;
    const id = run?.started.run_id ?? "";
    const count = run?.count ?? 0;
    if (id !== this.runId || columns !== this.stream.columns || count < this.consumed) {
      this.begin(state, id, columns);
    }
    const { tokens } = state;
    const fresh = Math.min(count - this.consumed, tokens.length);
    if (fresh < count - this.consumed) this.skip(count - this.consumed - fresh);
    for (let i = tokens.length - fresh; i < tokens.length; i++) this.add(state, tokens.at(i)!);
    this.consumed = count;
    return this.stream;
  }

  private begin(state: AppState, id: string, columns: number): void {
    this.runId = id;
    this.consumed = 0;
    this.decoder = new TextDecoder();
    this.stream = new TokenStream(columns, this.cells);
    const prompt = state.run?.started.prompt ?? "";
    if (prompt === "") return;
    if (prompt.length > MOST_PROMPT) {
      this.stream.appendMark(-1, `… ${prompt.length - MOST_PROMPT} characters before `);
    }
    this.stream.append(-1, "prompt", prompt.slice(-MOST_PROMPT));
    // A raw prompt is continued; in a chat the answer begins on its own line.
    if (!state.run?.started.raw) this.stream.endLine();
  }

  private skip(tokens: number): void {
    this.stream.appendMark(-1, `… ${tokens} tokens before `);
  }

  private add(state: AppState, row: TokenRow): void {
    const { event } = row;
    const control = event.eog || state.vocabulary?.isControl(event.token_id) === true;
    if (control) {
      const label = state.vocabulary?.label(event.token_id) ?? (event.token_text || `#${event.token_id}`);
      this.stream.appendMark(event.step, label);
      return;
    }
    const text = this.decoder.decode(event.token_bytes, { stream: true });
    if (text !== "") this.stream.append(event.step, "answer", text);
  }
}
