import { expect, it } from "vitest";
import { QUIET, qrPlace } from "./qr";

it("stands in the middle, on whole pixels, with its quiet border on the screen", () => {
  for (const [width, height] of [
    [1920, 1080],
    [640, 360],
    [1023, 767],
  ] as const) {
    const { x, y, module } = qrPlace(33, width, height);
    const border = module * QUIET;
    expect(Number.isInteger(x) && Number.isInteger(y) && Number.isInteger(module)).toBe(true);
    expect(Math.abs(x - border + (33 * module + 2 * border) / 2 - width / 2)).toBeLessThanOrEqual(1);
    expect(module * 41).toBeGreaterThan(Math.min(width, height) * 0.5);
    expect(y - border).toBeGreaterThan(0);
    expect(y + 33 * module + border).toBeLessThan(height);
  }
});
