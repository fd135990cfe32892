import { fade, palette } from "../color";
import type { Hits } from "../hits";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";
import { HEADING, MARK } from "./heading";

const ARM = 3;
const HALF = 5;
/** Far from it, near it, on it. */
const PAINTS = palette(fade(color.muted, 0.55), fade(color.data, 0.8), color.now);
/** Ends of the corners' arms, two by two: kept, so that a frame allocates none. */
const xs = new Float32Array(16);
const ys = new Float32Array(16);

/** Where the pointer is, in logical pixels; NaN for none. */
export interface Pointing {
  readonly pointerX: number;
  readonly pointerY: number;
}

/**
 * At the right end of a panel's heading: four small corners that point outwards, to let it fill the screen, or
 * inwards, to bring the cockpit back. Faint until the panel is at hand.
 */
export function focusMark(
  scene: Scene,
  hits: Hits,
  rect: Rect,
  focused: boolean,
  near: boolean,
  { pointerX, pointerY }: Pointing,
): void {
  const right = rect.x + rect.width;
  const left = right - size.padding - MARK + 2;
  const bottom = rect.y + HEADING - 2;
  hits.add("focus", 0, left, rect.y, right - left, bottom - rect.y);
  const over = pointerX >= left && pointerX < right && pointerY >= rect.y && pointerY < bottom;
  const paint = PAINTS[over ? 2 : near || focused ? 1 : 0]!;
  const cx = Math.round(right - size.padding - HALF) - 0.5;
  const cy = rect.y + 16.5;
  const light = over ? glow.bracket : glow.none;
  for (let corner = 0; corner < 4; corner++) {
    const across = corner & 1 ? 1 : -1;
    const down = corner >> 1 ? 1 : -1;
    const reach = focused ? HALF - ARM : HALF;
    const turn = focused ? 1 : -1;
    const x = cx + across * reach;
    const y = cy + down * reach;
    const i = 4 * corner;
    for (let end = i; end < i + 4; end++) {
      xs[end] = x;
      ys[end] = y;
    }
    xs[i + 1] = x + turn * across * ARM;
    ys[i + 3] = y + turn * down * ARM;
  }
  scene.strokes(xs, ys, 16, 1, paint, light);
}
