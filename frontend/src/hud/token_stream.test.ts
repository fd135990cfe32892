import { describe, expect, it } from "vitest";
import { TokenStream } from "./token_stream";

const wide = (cluster: string): number => (/\p{Script=Han}|\p{Extended_Pictographic}/u.test(cluster) ? 2 : 1);
const shown = (stream: TokenStream): string[] => stream.lines.map((l) => l.spans.map((s) => s.text).join(""));

function write(columns: number, tokens: string[]): TokenStream {
  const stream = new TokenStream(columns, wide);
  for (const [step, token] of tokens.entries()) stream.append(step, "answer", token);
  return stream;
}

/** Cells stand side by side, each line within its columns. */
function check(stream: TokenStream): void {
  for (const line of stream.lines) {
    let column = 0;
    for (const span of line.spans) {
      expect(span.column).toBe(column);
      expect(span.cells).toBe(
        [...new Intl.Segmenter().segment(span.text)].reduce((n, s) => n + wide(s.segment), 0),
      );
      column += span.cells;
    }
    expect(line.cells).toBe(column);
    expect(column).toBeLessThanOrEqual(stream.columns);
  }
}

describe("token stream", () => {
  it("wraps by words, though a word is many tokens", () => {
    const stream = write(12, ["The", " was", "te", "land", "."]);
    expect(shown(stream)).toEqual(["The ", "wasteland."]);
    expect(stream.lines[1]!.spans.map((s) => s.step)).toEqual([1, 2, 3, 4]);
    check(stream);
  });

  it("lets a space hang off a full line", () => {
    expect(shown(write(5, ["hello", " world"]))).toEqual(["hello", "world"]);
  });

  it("cuts a word longer than the line", () => {
    const stream = write(6, ["ab ", "incomprehensible"]);
    expect(shown(stream)).toEqual(["ab ", "incomp", "rehens", "ible"]);
    check(stream);
  });

  it("shows line breaks, tabs and control characters", () => {
    expect(shown(write(20, ["a\n\nb\tc\u0007d"]))).toEqual(["a↵", "↵", "b⇥c␇d"]);
  });

  it("breaks between wide characters, and counts them twice", () => {
    const stream = write(7, ["你好世界", "再见"]);
    expect(shown(stream)).toEqual(["你好世", "界再见"]);
    check(stream);
  });

  it("wraps the same however text is cut into tokens, and keeps every word", () => {
    let seed = 7;
    const random = (n: number): number => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return seed % n;
    };
    for (let round = 0; round < 100; round++) {
      const words = Array.from({ length: 30 }, () => "abcdefghijklmno".slice(0, 1 + random(14)));
      const text = words.join(" ");
      const columns = 8 + random(30);
      const tokens: string[] = [];
      for (let at = 0; at < text.length; ) {
        const length = 1 + random(6);
        tokens.push(text.slice(at, at + length));
        at += length;
      }
      const cut = write(columns, tokens);
      check(cut);
      expect(shown(cut)).toEqual(shown(write(columns, [text])));
      if (columns > 15) expect(shown(cut).flatMap((l) => l.trim().split(" "))).toEqual(words);
    }
  });

  it("forgets the oldest lines of an endless run, and counts them", () => {
    const stream = new TokenStream(10, wide);
    for (let i = 0; i < 5000; i++) stream.append(i, "answer", "line\n");
    expect(stream.lines.length).toBeLessThanOrEqual(3000);
    expect(stream.dropped + stream.lines.length).toBe(5001);
  });
});
