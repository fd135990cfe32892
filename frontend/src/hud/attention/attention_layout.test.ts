import { describe, expect, it } from "vitest";
import { attentionLayout } from "./attention_layout";
import { labelStride } from "./matrix_axes";
import { firstHead } from "./multiples";

describe("places", () => {
  it("never overlap nor leave the panel, whatever its size", () => {
    for (const [width, height] of [
      [392, 496],
      [300, 250],
      [666, 950],
      [1870, 930],
      [392, 940],
      [2500, 1300],
      [968, 453],
      [1224, 533],
      [1200, 240],
      [2500, 330],
    ] as const) {
      for (const heads of [1, 9, 64]) {
        const place = attentionLayout({ x: 10, y: 20, width, height }, heads);
        const { plot, sliders, switches, overview, row, multiples, depth } = place;
        for (const part of [plot, sliders, switches, overview, row, multiples, depth]) {
          if (!part) continue;
          expect(part.x).toBeGreaterThanOrEqual(10);
          expect(part.y).toBeGreaterThanOrEqual(20);
          expect(part.x + part.width).toBeLessThanOrEqual(10 + width + 0.5);
          expect(part.y + part.height).toBeLessThanOrEqual(20 + height + 0.5);
        }
        const beside = [row, multiples, overview, depth, sliders, switches].filter((part) => part !== null);
        beside.sort((a, b) => a.y - b.y);
        for (let i = 1; i < beside.length; i++) {
          expect(beside[i]!.y).toBeGreaterThanOrEqual(beside[i - 1]!.y + beside[i - 1]!.height - 0.5);
        }
      }
    }
  });

  it("give the row room for its bars in every window that is wide", () => {
    // Focused at 1024 x 640, 1280 x 720, 1366 x 768 and 1920 x 1080.
    for (const [width, height] of [
      [968, 453],
      [1224, 533],
      [1310, 581],
      [1864, 893],
    ] as const) {
      const { plot, row, depth } = attentionLayout({ x: 0, y: 0, width, height }, 9);
      expect(row?.height, `row at ${width} x ${height}`).toBeGreaterThanOrEqual(140);
      expect(depth !== null, `lines by layer at ${width} x ${height}`).toBe(height > 600);
      expect(plot.height).toBeGreaterThan(0.8 * height);
    }
  });

  it("thin labels, and keep the selected head among the small ones", () => {
    expect([labelStride(30, 300), labelStride(96, 300), labelStride(300, 300)]).toEqual([2, 4, 11]);
    expect([firstHead(5, 9), firstHead(0, 64), firstHead(40, 64), firstHead(63, 64)]).toEqual([0, 0, 32, 48]);
  });
});
