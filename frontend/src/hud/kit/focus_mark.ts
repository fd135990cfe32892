import { fade } from "../color";
import type { Hits } from "../hits";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";
import { HEADING, MARK } from "./heading";

const ARM = 3;
const HALF = 5;
const NEAR = fade(color.data, 0.8);
const FAR = fade(color.muted, 0.55);

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
  pointerX: number,
  pointerY: number,
): void {
  const right = rect.x + rect.width;
  const left = right - size.padding - MARK + 2;
  const bottom = rect.y + HEADING - 2;
  hits.add("focus", 0, left, rect.y, right - left, bottom - rect.y);
  const over = pointerX >= left && pointerX < right && pointerY >= rect.y && pointerY < bottom;
  const paint = over ? color.now : near || focused ? NEAR : FAR;
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
    scene.line(x, y, x + turn * across * ARM, y, 1, paint, light);
    scene.line(x, y, x, y + turn * down * ARM, 1, paint, light);
  }
}
