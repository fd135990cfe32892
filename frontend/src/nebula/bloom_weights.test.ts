import { describe, expect, it } from "vitest";
import { levelCount, levelSigma, levelWeights } from "./bloom_weights";

const TOTAL = 0.22 + 0.16 + 0.12 + 0.085 + 0.055 + 0.03;

describe("bloom weights", () => {
  it("add all of the recipe's light at every size", () => {
    for (const height of [360, 720, 1080, 2160]) {
      const weights = levelWeights(height, levelCount(height * 1.78, height));
      expect(weights.reduce((a, b) => a + b, 0)).toBeCloseTo(TOTAL);
      expect(Math.min(...weights)).toBeGreaterThanOrEqual(0);
    }
  });

  it("spread the light as wide as the recipe says, in shares of the height", () => {
    const recipe = [2, 5, 12, 28, 64, 130];
    const share = [0.22, 0.16, 0.12, 0.085, 0.055, 0.03];
    const wanted = recipe.reduce((sum, sigma, i) => sum + share[i]! * sigma ** 2, 0);
    for (const height of [720, 1440]) {
      const weights = levelWeights(height, levelCount(height * 1.78, height));
      const got = weights.reduce((sum, w, k) => sum + w * levelSigma(k + 1) ** 2, 0) * (720 / height) ** 2;
      expect(got / wanted).toBeGreaterThan(0.9);
      expect(got / wanted).toBeLessThan(1.1);
    }
  });

  it("fit a canvas of any size", () => {
    expect(levelCount(2, 2)).toBe(1);
    expect(levelCount(64, 48)).toBe(4);
    expect(levelWeights(48, 4).length).toBe(4);
  });
});
