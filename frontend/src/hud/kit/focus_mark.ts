import { fade } from "../color";
import type { Hits } from "../hits";
import { contains, type Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";
import { HEADING, MARK } from "./heading";

const ARM = 3;
const HALF = 5;

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
  const region = {
    x: right - size.padding - MARK + 2,
    y: rect.y,
    width: MARK + size.padding - 2,
    height: HEADING - 2,
  };
  hits.add("focus", 0, region.x, region.y, region.width, region.height);
  const over = contains(region, pointerX, pointerY);
  const paint = over ? color.now : near || focused ? fade(color.data, 0.8) : fade(color.muted, 0.55);
  const cx = Math.round(right - size.padding - HALF) - 0.5;
  const cy = rect.y + 16.5;
  const light = over ? glow.bracket : glow.none;
  for (let corner = 0; corner < 4; corner++) {
    const across = corner & 1 ? 1 : -1;
    const down = corner >> 1 ? 1 : -1;
    const reach = focused ? HALF - ARM : HALF;
    const turn = focused ? 1 : -1;
    const [x, y] = [cx + across * reach, cy + down * reach];
    scene.line(x, y, x + turn * across * ARM, y, 1, paint, light);
    scene.line(x, y, x, y + turn * down * ARM, 1, paint, light);
  }
}
