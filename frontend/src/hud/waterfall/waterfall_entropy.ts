import { type Color, fade, palette } from "../color";
import { caption } from "../kit/heading";
import { type Plot, plotY, plotYs } from "../kit/sparkline";
import type { Scene } from "../scene";
import { color, glow, size, text, threshold } from "../theme";

const WARN = fade(color.attention, 0.3);
const SHADE = fade(color.data, 0.2);
const SHADE_END = fade(color.data, 0.02);
const INKS = palette(color.data, color.attention);

/** Entropies of neighbouring columns and where they stand; NaN where a token is not here. */
export interface EntropyPoints {
  readonly x: Float32Array;
  /** Written as it is drawn. */
  readonly y: Float32Array;
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
      String(value),
      text.caption,
      color.muted,
    );
  }
  const warn = plotY(plot, threshold.uncertain);
  scene.dashes(plot.x, warn, plot.x + plot.width, warn, 1, WARN, 2, 6);
}

/** The line: straight from token to token, orange where the model is uncertain. */
export function drawEntropyLine(scene: Scene, plot: Plot, points: EntropyPoints, newest: number): void {
  const { x, y, nats, count } = points;
  const { at } = scene;
  const base = plot.y + plot.height;
  plotYs(plot, nats, 0, count, y);
  for (let from = 0, to = 0; from < count; from = ++to) {
    while (known(points, to) && known(points, to + 1)) to++;
    scene.areaSpans(x, y, from, to, base, plot.y, SHADE, SHADE_END);
  }
  for (let i = 0; i + 1 < count; i++) {
    if (!known(points, i) || !known(points, i + 1)) continue;
    const p = known(points, i - 1) ? i - 1 : i;
    const n = known(points, i + 2) ? i + 2 : i + 1;
    const from = inkOf(nats, i);
    const to = inkOf(nats, i + 1);
    scene.span(x, y, i, p, n, size.dataLine, from, to, glow.bracket);
  }
  for (let i = 0; i < count; i++) {
    if (!known(points, i)) continue;
    const last = i === newest;
    const radius = last ? 3.5 : 2;
    at[0] = x[i]! - radius;
    at[1] = y[i]! - radius;
    at[2] = 2 * radius;
    at[3] = 2 * radius;
    const ink = inkOf(nats, i);
    if (last) scene.boxAt(color.now, color.now, 0, glow.head, color.now, 3.5);
    else scene.boxAt(ink, ink, 0, glow.bracket, ink, 2);
  }
}

function known({ nats, count }: EntropyPoints, i: number): boolean {
  return i >= 0 && i < count && nats[i]! >= 0;
}

function inkOf(nats: Float32Array, i: number): Color {
  return INKS[nats[i]! > threshold.uncertain ? 1 : 0]!;
}
