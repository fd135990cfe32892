import { clusters } from "../text/clusters";
import { mark } from "./token_text";

/** Whose text: the person's, the model's, or a sign for something unseen (a line break, a control token). */
export type SpanKind = "prompt" | "answer" | "mark";

/** A stretch of one token on one line. */
export interface Span {
  /** Step of the token, or -1 for the prompt. */
  readonly step: number;
  readonly kind: SpanKind;
  text: string;
  column: number;
  cells: number;
}

export interface Line {
  readonly spans: Span[];
  cells: number;
}

/** Lines held, some 2,000 tokens at the narrowest; what is older is in the waterfall, which fetches it. */
const MOST_LINES = 600;
const DROP_AT_ONCE = 100;

/**
 * Wraps a growing text by words, token by token, on a grid of columns. Each token costs its own length once,
 * however long the run is: only the last word of the last line ever moves.
 */
export class TokenStream {
  readonly lines: Line[] = [];
  /** Lines forgotten at the top. */
  dropped = 0;
  /** Where the last word began on the open line: a span, a place in its text, a column. */
  private wordSpan = 0;
  private wordOffset = 0;
  private wordColumn = 0;

  constructor(
    readonly columns: number,
    /** Columns a cluster takes. */
    private readonly cells: (cluster: string) => number,
  ) {
    this.startLine();
  }

  append(step: number, kind: SpanKind, text: string): void {
    for (const cluster of clusters(text)) {
      const shown = mark(cluster);
      if (shown === null) this.put(step, kind, cluster, this.cells(cluster));
      else {
        this.put(step, "mark", shown, 1);
        this.breakHere();
      }
      if (cluster === "\n" || cluster === "\r\n") this.startLine();
    }
  }

  /** A control token, as one word. */
  appendMark(step: number, text: string): void {
    this.breakHere();
    for (const cluster of clusters(text)) this.put(step, "mark", cluster, this.cells(cluster));
    this.breakHere();
  }

  /** Ends the line, if anything is on it. */
  endLine(): void {
    if (this.line.spans.length > 0) this.startLine();
  }

  private get line(): Line {
    return this.lines[this.lines.length - 1]!;
  }

  private put(step: number, kind: SpanKind, cluster: string, cells: number): void {
    const space = cluster === " ";
    if (this.line.cells + cells > this.columns) {
      // A space that ends a full line is the line's end.
      if (space) {
        this.startLine();
        return;
      }
      this.wrap();
    }
    // Wide clusters (CJK, emoji) may break before and after.
    if (cells > 1) this.breakHere();
    this.add(step, kind, cluster, cells);
    if (space || cells > 1 || cluster === "-" || cluster === "/") this.breakHere();
  }

  private add(step: number, kind: SpanKind, text: string, cells: number): void {
    const { line } = this;
    const last = line.spans[line.spans.length - 1];
    if (last && last.step === step && last.kind === kind) {
      last.text += text;
      last.cells += cells;
    } else {
      line.spans.push({ step, kind, text, column: line.cells, cells });
    }
    line.cells += cells;
  }

  /** Moves the open word to a new line; a word as long as the line is cut instead. */
  private wrap(): void {
    const { line, wordSpan, wordOffset, wordColumn } = this;
    if (wordColumn === 0) {
      this.startLine();
      return;
    }
    const moved = line.spans.splice(wordSpan + (wordOffset > 0 ? 1 : 0));
    const cut = wordOffset > 0 ? line.spans[wordSpan] : undefined;
    if (cut && cut.text.length > wordOffset) {
      const cells = cut.column + cut.cells - wordColumn;
      moved.unshift({ ...cut, text: cut.text.slice(wordOffset), column: wordColumn, cells });
      cut.text = cut.text.slice(0, wordOffset);
      cut.cells -= cells;
    }
    const width = line.cells - wordColumn;
    line.cells = wordColumn;
    this.startLine();
    for (const span of moved) span.column -= wordColumn;
    this.line.spans.push(...moved);
    this.line.cells = width;
  }

  /** The next word starts at the end of the open line. */
  private breakHere(): void {
    const { line } = this;
    const last = line.spans[line.spans.length - 1];
    this.wordSpan = Math.max(line.spans.length - 1, 0);
    this.wordOffset = last ? last.text.length : 0;
    this.wordColumn = line.cells;
  }

  private startLine(): void {
    this.lines.push({ spans: [], cells: 0 });
    if (this.lines.length > MOST_LINES) {
      this.lines.splice(0, DROP_AT_ONCE);
      this.dropped += DROP_AT_ONCE;
    }
    this.breakHere();
  }
}
