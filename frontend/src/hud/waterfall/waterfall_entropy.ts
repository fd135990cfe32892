import { fade } from "../color";
import { caption } from "../kit/heading";
import { type Plot, plotY } from "../kit/sparkline";
import type { Scene } from "../scene";
import { color, glow, size, text, threshold } from "../theme";

/** Entropies of neighbouring columns and where they stand; NaN where a token is not here. */
export interface EntropyPoints {
  readonly x: Float32Array;
  readonly nats: Float32Array;
  count: number;
}

/** The caption above the plot, its axis and the level above which the model is uncertain. */
export function drawEntropyAxis(scene: Scene, plot: Plot, left: number): void {
  caption(scene, plot.x, plot.y - 6, plot.width, "ENTROPY · nats", "");
  scene.rect(plot.x, plot.y, plot.width, plot.height, color.well);
  const every = plot.height >= 90 ? 2 : plot.high;
  for (let value = 0; value <= plot.high + 1e-6; value += every) {
    const y = Math.round(plotY(plot, value));
    scene.rect(plot.x, y, plot.width, 1, color.rule);
    scene.text(
      left,
      y + (value === 0 ? 0 : value >= plot.high ? 8 : 4),
      value.toFixed(0),
      text.caption,
      color.muted,
    );
  }
  const warn = plotY(plot, threshold.uncertain);
  scene.dashes(plot.x, warn, plot.x + plot.width, warn, 1, fade(color.attention, 0.3), 2, 6);
}

/** The line: straight from token to token, orange where the model is uncertain. */
export function drawEntropyLine(scene: Scene, plot: Plot, points: EntropyPoints, newest: number): void {
  const { x, nats, count } = points;
  const base = plot.y + plot.height;
  const y = (i: number): number => plotY(plot, nats[i]!);
  const known = (i: number): boolean => i >= 0 && i < count && !Number.isNaN(nats[i]!);
  for (let i = 0; i + 1 < count; i++) {
    if (!known(i) || !known(i + 1)) continue;
    const fill = fade(color.data, 0.2);
    scene.area(x[i]!, y(i), x[i + 1]!, y(i + 1), base, plot.y, fill, fade(color.data, 0.02));
  }
  for (let i = 0; i + 1 < count; i++) {
    if (!known(i) || !known(i + 1)) continue;
    const p = known(i - 1) ? i - 1 : i;
    const n = known(i + 2) ? i + 2 : i + 1;
    const [from, to] = [inkOf(nats[i]!), inkOf(nats[i + 1]!)];
    scene.segment(
      x[i]!,
      y(i),
      x[i + 1]!,
      y(i + 1),
      x[p]!,
      y(p),
      x[n]!,
      y(n),
      size.dataLine,
      from,
      to,
      glow.bracket,
    );
  }
  for (let i = 0; i < count; i++) {
    if (!known(i)) continue;
    const last = i === newest;
    scene.circle(
      x[i]!,
      y(i),
      last ? 3.5 : 2,
      last ? color.now : inkOf(nats[i]!),
      last ? glow.head : glow.bracket,
    );
  }
}

function inkOf(nats: number): number {
  return nats > threshold.uncertain ? color.attention : color.data;
}
