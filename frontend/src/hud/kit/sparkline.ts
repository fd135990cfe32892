import { fade } from "../color";
import { clamp01 } from "../motion";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";

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

/**
 * `count` values, evenly spaced, the newest at the right edge, `step` apart. Above `warn` the line turns to the
 * colour of attention. `shift` moves it right, for the slide of a new value.
 */
export function sparkline(
  scene: Scene,
  plot: Plot,
  values: ArrayLike<number>,
  count: number,
  step: number,
  warn: number,
  shift = 0,
): void {
  const base = plot.y + plot.height;
  const right = plot.x + plot.width + shift;
  const x = (i: number): number => right - (count - 1 - i) * step;
  const y = (i: number): number => plotY(plot, values[i]!);
  for (let i = 0; i + 1 < count; i++) {
    scene.area(x(i), y(i), x(i + 1), y(i + 1), base, plot.y, fade(color.data, 0.3), fade(color.data, 0.02));
  }
  for (let i = 0; i + 1 < count; i++) {
    const p = Math.max(i - 1, 0);
    const n = Math.min(i + 2, count - 1);
    piece(scene, plot, values[i]!, values[i + 1]!, warn, x(i), x(i + 1), x(p), y(p), x(n), y(n));
  }
  if (count > 0) scene.circle(x(count - 1), plotY(plot, values[count - 1]!), 3, color.now, glow.active);
}

/** One segment of a sparkline, from (ax, a) to (bx, b): in two colours where it crosses `warn`. */
function piece(
  scene: Scene,
  plot: Plot,
  a: number,
  b: number,
  warn: number,
  ax: number,
  bx: number,
  px: number,
  py: number,
  nx: number,
  ny: number,
): void {
  const ya = plotY(plot, a);
  const yb = plotY(plot, b);
  const first = a > warn ? color.attention : color.data;
  const last = b > warn ? color.attention : color.data;
  const { dataLine: width } = size;
  if (first === last) {
    scene.segment(ax, ya, bx, yb, px, py, nx, ny, width, first, last, glow.bracket);
    return;
  }
  const share = (warn - a) / (b - a);
  const x = ax + (bx - ax) * share;
  const y = ya + (yb - ya) * share;
  scene.segment(ax, ya, x, y, px, py, bx, yb, width, first, first, glow.bracket);
  scene.segment(x, y, bx, yb, ax, ya, nx, ny, width, last, last, glow.bracket);
}

/** Level lines with their numbers at the right. */
export function levels(
  scene: Scene,
  plot: Plot,
  every: number,
  label: (y: number, value: number) => void,
): void {
  for (let value = plot.low; value <= plot.high + 1e-6; value += every) {
    const y = Math.round(plotY(plot, value));
    scene.rect(plot.x, y, plot.width, 1, color.rule);
    label(y, value);
  }
}
