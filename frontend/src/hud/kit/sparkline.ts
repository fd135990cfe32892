import { type Color, fade } from "../color";
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
  const paint = (value: number): Color => (value > warn ? color.attention : color.data);
  for (let i = 0; i + 1 < count; i++) {
    const a = plotY(plot, values[i]!);
    const b = plotY(plot, values[i + 1]!);
    scene.area(x(i), a, x(i + 1), b, base, plot.y, fade(color.data, 0.3), fade(color.data, 0.02));
  }
  for (let i = 0; i + 1 < count; i++) {
    const p = Math.max(i - 1, 0);
    const n = Math.min(i + 2, count - 1);
    const [a, b] = [values[i]!, values[i + 1]!];
    const [ya, yb] = [plotY(plot, a), plotY(plot, b)];
    const [yp, yn] = [plotY(plot, values[p]!), plotY(plot, values[n]!)];
    scene.segment(
      x(i),
      ya,
      x(i + 1),
      yb,
      x(p),
      yp,
      x(n),
      yn,
      size.dataLine,
      paint(a),
      paint(b),
      glow.bracket,
    );
  }
  if (count > 0) scene.circle(x(count - 1), plotY(plot, values[count - 1]!), 3, color.now, glow.active);
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
