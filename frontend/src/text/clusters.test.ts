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
