import { type Color, fade } from "../color";
import { clamp01 } from "../motion";
import type { Scene } from "../scene";
import { color, glow } from "../theme";

const TURN = 2 * Math.PI;

/** A round gauge: `ticks` segments from twelve o'clock, lit to `value` (0 to 1), with a bright head. */
export function ringGauge(
  scene: Scene,
  cx: number,
  cy: number,
  radius: number,
  width: number,
  value: number,
  ticks: number,
  paint: Color = color.data,
): void {
  scene.arc(cx, cy, radius, width, 0, TURN, color.track, 0, ticks, 0.35);
  const sweep = clamp01(value) * TURN;
  if (sweep <= 0) return;
  // Whole ticks, so that lit and unlit ones lie on each other; the head stands at the exact value.
  const lit = Math.floor(clamp01(value) * ticks);
  if (lit > 0)
    scene.arc(cx, cy, radius, width, 0, (lit / ticks) * TURN, fade(paint, 0.45), 0, lit, 0.35, paint);
  const headX = cx + radius * Math.sin(sweep);
  const headY = cy - radius * Math.cos(sweep);
  scene.circle(headX, headY, width / 2, color.now, glow.active, paint);
}

/** A light that says how things are: a dot in a ring; `beat` 0 to 1 lets a second ring widen and fade. */
export function beacon(scene: Scene, cx: number, cy: number, paint: Color, ring: Color, beat: number): void {
  scene.arc(cx, cy, 8.5, 1, 0, TURN, ring);
  scene.circle(cx, cy, 4, paint, glow.head);
  if (beat > 0 && beat < 1) scene.arc(cx, cy, 8.5 + beat * 6, 1, 0, TURN, fade(paint, 0.5 * (1 - beat)));
}
