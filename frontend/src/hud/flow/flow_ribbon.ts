import { type Color, fade } from "../color";
import type { Scene } from "../scene";
import { color, glow, motion } from "../theme";
import type { Ribbon } from "./flow_motion";

/** Pieces of a ribbon. */
const PIECES = 22;
const POINTS = PIECES + 3;

const DASH = 8;
const PERIOD = 28;
const DOMINANT_DASH = 12;
const DOMINANT_PERIOD = 34;

const xs = new Float32Array(POINTS);
const ys = new Float32Array(POINTS);
const lengths = new Float32Array(POINTS);

/** Colour of a ribbon: what is no token is grey, the strongest is lit. */
export function ribbonColor({ key, dominant }: Ribbon): Color {
  if (key < 0) return color.muted;
  return dominant ? color.attention : color.data;
}

/**
 * A ribbon from (left, from) to (right, to), level at both ends. Its ends reach beyond `left` and `right`, to be cut
 * there by the caller's clip: a line's own ends are round.
 */
export function drawRibbon(scene: Scene, ribbon: Ribbon, left: number, right: number): void {
  trace(ribbon, left, right);
  const { key, dominant, alpha, thickness } = ribbon;
  const base = ribbonColor(ribbon);
  const width = Math.max(thickness, 0.75);
  const from = fade(base, alpha * (dominant ? 0.72 : key < 0 ? 0.14 : 0.34));
  const to = fade(base, alpha * (dominant ? 0.98 : key < 0 ? 0.24 : 0.66));
  const light = dominant ? glow.active : 0;
  let a = from;
  for (let i = 0; i + 1 < POINTS; i++) {
    const b = between(from, to, (i + 1) / (POINTS - 1));
    scene.span(xs, ys, i, Math.max(i - 1, 0), Math.min(i + 2, POINTS - 1), width, a, b, light);
    a = b;
  }
}

/** The same colour with an alpha between two. */
function between(from: Color, to: Color, t: number): Color {
  const alpha = Math.round((from >>> 24) * (1 - t) + (to >>> 24) * t);
  return ((alpha << 24) | (to & 0xffffff)) >>> 0;
}

/** Dashes that run along a ribbon's middle towards the query. */
export function drawDashes(scene: Scene, ribbon: Ribbon, left: number, right: number, now: number): void {
  if (ribbon.key < 0) return;
  trace(ribbon, left, right);
  const { dominant, alpha } = ribbon;
  const period = dominant ? DOMINANT_PERIOD : PERIOD;
  const length = dominant ? DOMINANT_DASH : DASH;
  const speed = dominant ? motion.dominantDashSpeed : motion.dashSpeed;
  const whole = lengths[POINTS - 1]!;
  const width = dominant ? 2.5 : 1.25;
  const paint = fade(color.now, alpha * (dominant ? 1 : 0.85));
  const first = ((now * speed) % period) - period;
  let piece = 1;
  for (let start = first; start < whole; start += period) {
    const stop = Math.min(start + length, whole);
    if (stop <= 0) continue;
    const a = Math.max(start, 0);
    piece = pieceAt(a, piece);
    const x = along(xs, a, piece);
    const y = along(ys, a, piece);
    piece = pieceAt(stop, piece);
    const light = dominant ? glow.bracket : 0;
    scene.line(x, y, along(xs, stop, piece), along(ys, stop, piece), width, paint, light);
  }
}

/** The middle of a ribbon: a cubic that is level at both ends, one point before and one after it. */
function trace({ from, to, thickness }: Ribbon, left: number, right: number): void {
  const reach = thickness / 2 + 2;
  xs[0] = left - reach;
  ys[0] = from;
  for (let i = 0; i <= PIECES; i++) {
    const t = i / PIECES;
    // Control points at 45 % and 55 % of the way across.
    const u = 1 - t;
    const x = 3 * u * u * t * 0.45 + 3 * u * t * t * 0.55 + t * t * t;
    xs[i + 1] = left + x * (right - left);
    ys[i + 1] = from + (3 * t * t - 2 * t * t * t) * (to - from);
  }
  xs[POINTS - 1] = right + reach;
  ys[POINTS - 1] = to;
  lengths[0] = 0;
  for (let i = 1; i < POINTS; i++) {
    lengths[i] = lengths[i - 1]! + Math.hypot(xs[i]! - xs[i - 1]!, ys[i]! - ys[i - 1]!);
  }
}

/** The piece of the ribbon in which `length` lies, at or after piece `from`. */
function pieceAt(length: number, from: number): number {
  let i = from;
  while (i < POINTS - 1 && lengths[i]! < length) i++;
  return i;
}

/** A coordinate at `length` along the ribbon, in piece `i`. */
function along(places: Float32Array, length: number, i: number): number {
  const t = (length - lengths[i - 1]!) / Math.max(lengths[i]! - lengths[i - 1]!, 1e-6);
  return places[i - 1]! + (places[i]! - places[i - 1]!) * t;
}
