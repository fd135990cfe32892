import { describe, expect, it } from "vitest";
import { findMarks, markFrom, markText } from "./marks";
import type { Brief } from "./transport";

function brief(ids: readonly number[], p: readonly number[] = [], nats: readonly number[] = []): Brief {
  return {
    count: ids.length,
    id: (step) => ids[step] ?? null,
    probability: (step) => p[step] ?? (step < ids.length ? 0.5 : Number.NaN),
    entropy: (step) => nats[step] ?? (step >= 0 && step < ids.length ? 1 : Number.NaN),
  };
}

const different = Array.from({ length: 100 }, (_, i) => i);

describe("marks", () => {
  it("stand at tokens chosen against the odds", () => {
    const p = different.map((i) => (i === 40 ? 0.019 : 0.021));
    expect(findMarks(brief(different, p))).toEqual([
      { kind: "improbable", step: 40, value: 0.019, length: 1 },
    ]);
  });

  it("stand at the peaks of the entropy above three nats, not at their slopes", () => {
    const nats = different.map((i) => (i === 50 ? 4 : i === 51 ? 3.5 : i === 10 ? 2.9 : 1));
    expect(findMarks(brief(different, [], nats)).map(({ kind, step }) => [kind, step])).toEqual([
      ["uncertain", 50],
    ]);
  });

  it("stand where the text begins to repeat itself, as long as it does", () => {
    const sentence = [7, 8, 9, 7, 5, 4, 3, 2, 1, 6];
    const ids = [...different.slice(20, 40), ...sentence, ...sentence, ...sentence, 999, 998];
    expect(findMarks(brief(ids))).toEqual([{ kind: "loop", step: 30, value: 10, length: 20 }]);
    // Twice the same word, or a period that is not said to its end, is no loop.
    expect(findMarks(brief([1, 2, 3, 3, 4, ...sentence, ...sentence.slice(0, 9), 77]))).toEqual([]);
    const stuck = [...different.slice(0, 10), ...Array.from({ length: 12 }, () => 55)];
    expect(findMarks(brief(stuck))).toEqual([{ kind: "loop", step: 11, value: 1, length: 11 }]);
  });

  it("are found from any step in both directions", () => {
    const marks = findMarks(
      brief(
        different,
        different.map((i) => (i % 30 === 9 ? 0.001 : 1)),
      ),
    );
    expect(marks.map(({ step }) => step)).toEqual([9, 39, 69, 99]);
    expect([markFrom(marks, 9, 1)?.step, markFrom(marks, 9, -1)]).toEqual([39, null]);
    expect([markFrom(marks, 68, -1)?.step, markFrom(marks, 99, 1)]).toEqual([39, null]);
    expect(markText(marks[0]!)).toContain("0.10 %");
  });

  it("take a long run in no time", () => {
    const ids = Array.from({ length: 20_000 }, (_, i) => (i * 7919) % 4001);
    const begin = performance.now();
    findMarks(brief(ids));
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
