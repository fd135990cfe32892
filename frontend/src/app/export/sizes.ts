import type { CanvasSize } from "../canvas_size";

/** Longest side of a texture at WebGPU's default limits. */
export const MOST_PIXELS = 8192;
/** A picture of 7680 × 4320: its targets take about 600 MB of the GPU. */
export const MOST_AREA = 7680 * 4320;
/** Sharper than this the letters would not all fit into their atlas. */
const MOST_RATIO = 3;

export interface Pixels {
  readonly width: number;
  readonly height: number;
}

/** Sizes that are offered besides the screen's own. */
export const SIZES: readonly Pixels[] = [
  { width: 1280, height: 720 },
  { width: 1920, height: 1080 },
  { width: 2560, height: 1440 },
  { width: 3840, height: 2160 },
  { width: 7680, height: 4320 },
];

/** Why a picture can't have this size, as a sentence; empty if it can. */
export function refusal({ width, height }: Pixels): string {
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 160 || height < 90) {
    return "The least is 160 × 90.";
  }
  if (width > MOST_PIXELS || height > MOST_PIXELS) return `The most a side can have is ${MOST_PIXELS}.`;
  if (width * height > MOST_AREA) return "The most is 7680 × 4320, or as many pixels in another shape.";
  return "";
}

/**
 * How the page is laid out for a picture: as on `screen`, drawn finer, for as far as that goes;
 * past it, or in a smaller picture, with more or less room.
 */
export function canvasSizeFor({ width, height }: Pixels, screen: CanvasSize): CanvasSize {
  const like = Math.min(width / screen.width, height / screen.height);
  const ratio = Math.min(Math.max(like, 1), MOST_RATIO);
  return {
    width: width / ratio,
    height: height / ratio,
    pixelWidth: width,
    pixelHeight: height,
    ratio,
    scale: 1,
  };
}

/** Films have an even number of pixels each way. */
export function even({ width, height }: Pixels): Pixels {
  return { width: width & ~1, height: height & ~1 };
}

/** Why the steps `from` to `to` of `count` can't be filmed, as a sentence; empty if they can. */
export function stretchRefusal(from: number, to: number, count: number): string {
  if (count === 0) return "The session has no tokens to film.";
  const whole = Number.isInteger(from) && Number.isInteger(to);
  return whole && from >= 0 && to >= from && to < count ? "" : `The tokens are 1 to ${count}.`;
}

/** A part of a replay, in seconds of the run, and how fast it is shown. */
export interface Stretch {
  readonly start: number;
  readonly stop: number;
  readonly speed: number;
  readonly frameRate: number;
}

/** Frames of a film of it: the first shows its start, the last its end. */
export function framesOf({ start, stop, speed, frameRate }: Stretch): number {
  return Math.max(1, Math.ceil(((stop - start) / speed) * frameRate - 1e-6) + 1);
}
