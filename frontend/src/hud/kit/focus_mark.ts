import { fade } from "../color";
import type { Hits } from "../hits";
import { contains, type Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";

const ARM = 3;
const HALF = 4.5;

/**
 * In a panel's corner: four small corners that point outwards, to let it fill the screen, or inwards, to bring
 * the cockpit back. Drawn for the panel at hand; the region answers a finger too.
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
  const region = { x: rect.x + rect.width - 26, y: rect.y, width: 26, height: 12 };
  hits.add("focus", 0, region.x, region.y, region.width, region.height);
  if (!focused && !near) return;
  const over = contains(region, pointerX, pointerY);
  const paint = over ? color.now : fade(color.data, 0.8);
  const cx = rect.x + rect.width - size.padding - HALF - 2.5;
  const cy = rect.y + 6.5;
  for (let corner = 0; corner < 4; corner++) {
    const right = corner & 1 ? 1 : -1;
    const down = corner >> 1 ? 1 : -1;
    const reach = focused ? HALF - ARM : HALF;
    const turn = focused ? 1 : -1;
    const [x, y] = [cx + right * reach, cy + down * reach * 0.8];
    const light = over ? glow.bracket : glow.none;
    scene.line(x, y, x + turn * right * ARM, y, 1, paint, light);
    scene.line(x, y, x, y + turn * down * ARM * 0.8, 1, paint, light);
  }
}
