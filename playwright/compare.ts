import { PNG } from "pngjs";

/**
 * Comparing two pictures of the page.
 *
 * A software renderer's pixels may differ by a level or so between processors, so a small
 * difference of a pixel means nothing by itself. Two things do: pixels that are far off (a
 * panel hidden, a line 2 px aside), and many pixels that are off the same way (light that
 * is missing, however faint), which is what the mean over a block shows.
 */

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** RGBA, 8 bits a channel. */
  readonly data: Uint8Array;
}

export interface Limits {
  /** Levels (of 255) by which a channel may differ before its pixel counts as far off. */
  readonly channel: number;
  /** Share of the pixels that may be far off. */
  readonly far: number;
  /** Levels by which the mean of a block's channel may differ. */
  readonly drift: number;
}

export interface Difference {
  /** Sizes differ; nothing else was compared. */
  readonly size: boolean;
  /** Pixels far off. */
  readonly far: number;
  readonly farAllowed: number;
  /** Greatest difference of a block's mean, in levels, and that block's place from the upper left. */
  readonly drift: number;
  readonly driftAt: readonly [x: number, y: number];
  readonly passes: boolean;
  /** The first picture darkened, pixels far off in red. */
  readonly picture: Picture | null;
}

export const LIMITS: Limits = { channel: 8, far: 0.0002, drift: 1.5 };

/** Side of the blocks whose means are compared, in pixels. */
export const BLOCK = 16;

export function compare(actual: Picture, expected: Picture, limits: Limits = LIMITS): Difference {
  const { width, height } = expected;
  const farAllowed = Math.floor(width * height * limits.far);
  if (actual.width !== width || actual.height !== height) {
    return { size: true, far: 0, farAllowed, drift: 0, driftAt: [0, 0], passes: false, picture: null };
  }
  const far = markFar(actual, expected, limits.channel);
  const { drift, driftAt } = greatestDrift(actual, expected);
  const passes = far.count <= farAllowed && drift <= limits.drift;
  return { size: false, far: far.count, farAllowed, drift, driftAt, passes, picture: far.picture };
}

function markFar(actual: Picture, expected: Picture, tolerance: number): { count: number; picture: Picture } {
  const data = new Uint8Array(expected.data.length);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    let worst = 0;
    for (let c = 0; c < 3; c++)
      worst = Math.max(worst, Math.abs(actual.data[i + c]! - expected.data[i + c]!));
    const isFar = worst > tolerance;
    if (isFar) count++;
    for (let c = 0; c < 3; c++) data[i + c] = isFar ? (c === 0 ? 255 : 40) : expected.data[i + c]! >> 1;
    data[i + 3] = 255;
  }
  return { count, picture: { width: expected.width, height: expected.height, data } };
}

function greatestDrift(actual: Picture, expected: Picture): Pick<Difference, "drift" | "driftAt"> {
  const { width, height } = expected;
  let drift = 0;
  let driftAt: [number, number] = [0, 0];
  for (let top = 0; top < height; top += BLOCK) {
    for (let left = 0; left < width; left += BLOCK) {
      const bottom = Math.min(top + BLOCK, height);
      const right = Math.min(left + BLOCK, width);
      const sums = [0, 0, 0];
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const at = (y * width + x) * 4;
          for (let c = 0; c < 3; c++) sums[c]! += actual.data[at + c]! - expected.data[at + c]!;
        }
      }
      const size = (bottom - top) * (right - left);
      const off = Math.max(...sums.map(Math.abs)) / size;
      if (off > drift) [drift, driftAt] = [off, [left, top]];
    }
  }
  return { drift, driftAt };
}

/** A sentence on how two pictures differ. */
export function inWords(difference: Difference): string {
  if (difference.size) return "the pictures differ in size";
  return (
    `${difference.far} pixels far off (${difference.farAllowed} allowed), ` +
    `mean of a block off by ${difference.drift.toFixed(2)} levels at most, at ${difference.driftAt.join(", ")}`
  );
}

export function decodePng(bytes: Buffer): Picture {
  const png = PNG.sync.read(bytes);
  return { width: png.width, height: png.height, data: png.data };
}

export function encodePng(picture: Picture): Buffer {
  const png = new PNG({ width: picture.width, height: picture.height });
  png.data = Buffer.from(picture.data);
  return PNG.sync.write(png, { deflateLevel: 9 });
}
