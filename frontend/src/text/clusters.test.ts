import { describe, expect, it } from "vitest";
import { clusters, isPlain } from "./clusters";

describe("clusters", () => {
  it("keeps what is one character to a person in one piece", () => {
    expect(clusters("👩‍👩‍👧‍👦🎉e\u0301x")).toEqual(["👩‍👩‍👧‍👦", "🎉", "e\u0301", "x"]);
  });

  it("leaves whole words of joining scripts to the browser", () => {
    expect(clusters("ab مرحبا بك!")).toEqual(["a", "b", " ", "مرحبا", " ", "بك", "!"]);
    expect(clusters("नमस्ते")).toEqual(["नमस्ते"]);
  });

  it("cuts endless runs, and loses nothing", () => {
    const long = "ש".repeat(100);
    const cut = clusters(long);
    expect(cut.join("")).toBe(long);
    expect(Math.max(...cut.map((c) => c.length))).toBeLessThanOrEqual(24);
  });

  it("takes the fast way for plain text only", () => {
    expect([isPlain("a ~"), isPlain("é"), isPlain("a\n")]).toEqual([true, false, false]);
  });
});

describe("characters that stand alone", () => {
  it("are cut as the browser's own segmenter cuts them, whatever stands beside them", () => {
    const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });
    const differ: string[] = [];
    for (let code = 0x20; code < 0xd800; code++) {
      const character = String.fromCharCode(code);
      if (clusters(character).join("") !== character) differ.push(code.toString(16));
      for (const text of [`a${character}b`, `${character}${character}`, `·${character}→`]) {
        const cut = clusters(text);
        // A shaped run is one cluster here, of as many as there are letters there.
        if (/[\u0590-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]/u.test(text)) continue;
        const own = [...segmenter.segment(text)].map(({ segment }) => segment);
        if (cut.length !== own.length || cut.some((cluster, i) => cluster !== own[i]))
          differ.push(code.toString(16));
      }
    }
    expect(differ).toEqual([]);
  });
});
