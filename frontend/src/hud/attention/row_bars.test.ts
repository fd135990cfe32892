import { describe, expect, it } from "vitest";
import { weight } from "../../../test/attention_answers";
import { barsOf, namedBars } from "./row_bars";

describe("the row's bars", () => {
  it("are its weights, or the maximum of neighbours where they are too many", () => {
    const weights = Float32Array.from({ length: 1000 }, (_, i) => weight(7, i));
    const exact = barsOf({ weights, joined: 1 }, 4000);
    expect([exact.joined, exact.heights.length]).toEqual([1, 1000]);
    const joined = barsOf({ weights, joined: 2 }, 400);
    expect(joined.joined).toBe(10);
    expect(joined.heights[3]).toBe(Math.max(...weights.subarray(15, 20)));
    expect(joined.heights[joined.highest]).toBe(Math.max(...weights));
    const named = namedBars(joined, 2).sort((a, b) => a - b);
    for (let i = 1; i < named.length; i++) expect((named[i]! - named[i - 1]!) * 2).toBeGreaterThanOrEqual(11);
  });
});
