import { type Color, fade } from "../color";
import { clamp01 } from "../motion";
import type { Scene } from "../scene";
import { color } from "../theme";

/** A signal meter: `count` ticks, lit to `value` (0 to 1); the last lit one in part. */
export function signalMeter(
  scene: Scene,
  x: number,
  y: number,
  width: number,
  height: number,
  value: number,
  count: number,
  paint: Color = color.data,
): void {
  const step = width / count;
  const lit = clamp01(value) * count;
  for (let i = 0; i < count; i++) {
    const left = Math.round(x + i * step);
    const tick = Math.max(1, Math.round(x + (i + 1) * step) - left - 2);
    scene.rect(left, y, tick, height, color.track);
    const share = clamp01(lit - i);
    if (share >= 1) scene.rect(left, y, tick, height, paint);
    else if (share > 0) scene.rect(left, y, tick, height, fade(paint, 0.3 + 0.7 * share));
  }
}

/** A horizontal bar on a track; number `i` of `values` is 0 to 1 of the track, on an absolute scale. */
export function barOf(
  scene: Scene,
  x: number,
  y: number,
  width: number,
  height: number,
  values: Float64Array,
  i: number,
  paint: Color,
  glow = 0,
): void {
  const { at } = scene;
  at[0] = x;
  at[1] = y;
  at[2] = width;
  at[3] = height;
  scene.fillAt(color.track, color.track);
  at[2] = clamp01(values[i]!) * width;
  if (at[2] > 0) scene.boxAt(paint, color.clear, 0, glow, paint);
}

const single = new Float64Array(1);

/** As `barOf`, of one value. */
export function bar(
  scene: Scene,
  x: number,
  y: number,
  width: number,
  height: number,
  value: number,
  paint: Color,
  glow = 0,
): void {
  single[0] = value;
  barOf(scene, x, y, width, height, single, 0, paint, glow);
}

/** Parts of a whole side by side; `shares` sum to at most 1. */
export function stackedBar(
  scene: Scene,
  x: number,
  y: number,
  width: number,
  height: number,
  shares: ArrayLike<number>,
  paints: readonly Color[],
): void {
  scene.rect(x, y, width, height, color.track);
  let from = x;
  for (let i = 0; i < shares.length; i++) {
    const to = from + shares[i]! * width;
    // A gap of two pixels between parts, taken from the wider end of each.
    if (to - from > 0.25)
      scene.rect(from, y, Math.max(to - from - (to - from > 4 ? 2 : 0), 0.5), height, paints[i]!);
    from = to;
  }
}

/** How far a task is: a thin line with a bright end. A negative `fraction` is unknown: a light that runs. */
export function progressLine(
  scene: Scene,
  x: number,
  y: number,
  width: number,
  fraction: number,
  now: number,
  paint: Color = color.data,
): void {
  scene.rect(x, y, width, 2, color.track);
  if (fraction >= 0) {
    const length = clamp01(fraction) * width;
    scene.box(x, y, length, 2, paint, color.clear, 0, 5, paint);
    return;
  }
  const run = width * 0.3;
  const at = (((now * 0.6) % 1) + 1) % 1;
  scene.pushClip(x, y - 4, width, 10);
  scene.gradient(x + at * (width + run) - run, y, run, 2, fade(paint, 0), paint);
  scene.popClip();
}
