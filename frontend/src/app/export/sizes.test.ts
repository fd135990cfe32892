import { expect, it } from "vitest";
import type { CanvasSize } from "../canvas_size";
import { canvasSizeFor, even, framesOf, refusal, SIZES, stretchRefusal } from "./sizes";

const SCREEN: CanvasSize = {
  width: 1920,
  height: 1080,
  pixelWidth: 1920,
  pixelHeight: 1080,
  ratio: 1,
  scale: 1,
};

it("takes every size it offers, and says why it takes no other", () => {
  for (const size of SIZES) expect(refusal(size)).toBe("");
  expect(refusal({ width: 8192, height: 4050 })).toBe("");
  expect(refusal({ width: 8193, height: 100 })).toMatch(/8192/);
  expect(refusal({ width: 8192, height: 8192 })).toMatch(/7680 × 4320/);
  expect(refusal({ width: 100, height: 90 })).toMatch(/160 × 90/);
  expect(refusal({ width: 640.5, height: 360 })).not.toBe("");
  expect(refusal({ width: Number.NaN, height: 360 })).not.toBe("");
});

it("draws a larger picture finer, laid out as on the screen", () => {
  const size = canvasSizeFor({ width: 3840, height: 2160 }, SCREEN);
  expect(size).toEqual({
    width: 1920,
    height: 1080,
    pixelWidth: 3840,
    pixelHeight: 2160,
    ratio: 2,
    scale: 1,
  });
});

it("gives a very large picture more room, and a small one less", () => {
  const large = canvasSizeFor({ width: 7680, height: 4320 }, SCREEN);
  expect([large.width, large.height, large.ratio]).toEqual([2560, 1440, 3]);
  const small = canvasSizeFor({ width: 640, height: 360 }, SCREEN);
  expect([small.width, small.height, small.ratio]).toEqual([640, 360, 1]);
});

it("keeps its pixels square in another shape", () => {
  const tall = canvasSizeFor({ width: 2000, height: 4000 }, SCREEN);
  expect(tall.pixelWidth / tall.width).toBeCloseTo(tall.ratio);
  expect(tall.pixelHeight / tall.height).toBeCloseTo(tall.ratio);
});

it("rounds films down to even sizes", () => {
  expect(even({ width: 1281, height: 720 })).toEqual({ width: 1280, height: 720 });
});

it("says why a stretch can't be filmed", () => {
  expect(stretchRefusal(0, 29, 30)).toBe("");
  expect(stretchRefusal(3, 3, 30)).toBe("");
  for (const [from, to] of [
    [0, 30],
    [-1, 3],
    [4, 3],
    [0.5, 3],
    [Number.NaN, 3],
  ] as const) {
    expect(stretchRefusal(from, to, 30)).toBe("The tokens are 1 to 30.");
  }
  expect(stretchRefusal(0, -1, 0)).toMatch(/no tokens/);
});

it("films a stretch from its start to its end", () => {
  const stretch = { start: 1, stop: 3, speed: 1, frameRate: 30 };
  expect(framesOf(stretch)).toBe(61);
  expect(framesOf({ ...stretch, speed: 4 })).toBe(16);
  expect(framesOf({ ...stretch, stop: 3.01 })).toBe(62);
  expect(framesOf({ ...stretch, stop: 1 })).toBe(1);
});
