import { fade, palette } from "../color";
import { clamp01 } from "../motion";
import type { Scene } from "../scene";
import { color, glow, size, text } from "../theme";

/** Under the line, from its top down. */
const SHADE = fade(color.data, 0.3);
const SHADE_END = fade(color.data, 0.02);
/** Of the line: below the level that warns, and above it. */
const INKS = palette(color.data, color.attention);
/** The points of the line being drawn: kept, so that a frame allocates none. */
let xs = new Float32Array(256);
let ys = new Float32Array(256);
const partsX = new Float32Array(5);
const partsY = new Float32Array(5);

/** Where values stand: `low` at the bottom of the plot, `high` at its top. */
export interface Plot {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly low: number;
  readonly high: number;
}

export function plotY(plot: Plot, value: number): number {
  return plot.y + plot.height * (1 - clamp01((value - plot.low) / (plot.high - plot.low)));
}

/** Where `count` values from `first` on stand, into `out`. */
export function plotYs(
  plot: Plot,
  values: ArrayLike<number>,
  first: number,
  count: number,
  out: Float32Array,
): void {
  const { y, height, low, high } = plot;
  for (let i = 0; i < count; i++) {
    out[i] = y + height * (1 - clamp01((values[first + i]! - low) / (high - low)));
  }
}

/**
 * `count` values from `first` on, evenly spaced, the newest at the right edge, `step` apart. Above `warn` the line
 * turns to the colour of attention. `shift` moves it right, for the slide of a new value.
 */
export function sparkline(
  scene: Scene,
  plot: Plot,
  values: ArrayLike<number>,
  first: number,
  count: number,
  step: number,
  warn: number,
  shift = 0,
): void {
  if (count > xs.length) {
    xs = new Float32Array(count);
    ys = new Float32Array(count);
  }
  const right = plot.x + plot.width + shift;
  for (let i = 0; i < count; i++) xs[i] = right - (count - 1 - i) * step;
  plotYs(plot, values, first, count, ys);
  scene.areaSpans(xs, ys, 0, count - 1, plot.y + plot.height, plot.y, SHADE, SHADE_END);
  for (let i = 0; i + 1 < count; i++) {
    const a = values[first + i]!;
    const b = values[first + i + 1]!;
    const p = Math.max(i - 1, 0);
    const n = Math.min(i + 2, count - 1);
    if (a > warn === b > warn) {
      const paint = INKS[a > warn ? 1 : 0]!;
      scene.span(xs, ys, i, p, n, size.dataLine, paint, paint, glow.bracket);
    } else crossing(scene, i, p, n, (warn - a) / (b - a), a > warn);
  }
  if (count > 0) scene.circle(xs[count - 1]!, ys[count - 1]!, 3, color.now, glow.active);
}

/** From point `i` to the next in two colours: it crosses the level that warns at `share` of the way. */
function crossing(scene: Scene, i: number, p: number, n: number, share: number, falls: boolean): void {
  crossed(partsX, xs, i, p, n, share);
  crossed(partsY, ys, i, p, n, share);
  const first = INKS[falls ? 1 : 0]!;
  const last = INKS[falls ? 0 : 1]!;
  scene.span(partsX, partsY, 1, 0, 3, size.dataLine, first, first, glow.bracket);
  scene.span(partsX, partsY, 2, 1, 4, size.dataLine, last, last, glow.bracket);
}

/** The point before, the two ends with the crossing between them, and the point after. */
function crossed(out: Float32Array, all: Float32Array, i: number, p: number, n: number, share: number): void {
  out[0] = all[p]!;
  out[1] = all[i]!;
  out[2] = all[i]! + (all[i + 1]! - all[i]!) * share;
  out[3] = all[i + 1]!;
  out[4] = all[n]!;
}

/** Level lines with their numbers, which end at `right`. */
export function levels(scene: Scene, plot: Plot, every: number, right: number): void {
  for (let value = plot.low; value <= plot.high + 1e-6; value += every) {
    const y = Math.round(plotY(plot, value));
    scene.rect(plot.x, y, plot.width, 1, color.rule);
    scene.text(right, y + 4, Math.round(value).toString(), text.caption, color.muted, "right");
  }
}
