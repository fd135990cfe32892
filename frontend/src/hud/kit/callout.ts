import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { octagon } from "./frame";

const ROW = 14;
const PAD = 10;
const AWAY = 14;

/**
 * A box beside (x, y) with what is there: a name, then lines of facts. It stays within `within` and lies over
 * everything drawn so far.
 */
export function callout(scene: Scene, x: number, y: number, lines: readonly string[], within: Rect): void {
  let widest = 0;
  for (let i = 0; i < lines.length; i++) {
    widest = Math.max(widest, scene.measure(lines[i]!, i === 0 ? text.tooltip : text.caption));
  }
  const width = Math.min(Math.ceil(widest) + 2 * PAD, within.width);
  const height = 2 * PAD + 4 + ROW * (lines.length - 1) + 8;
  const toRight = x + AWAY + width <= within.x + within.width;
  const left = Math.round(Math.max(within.x, toRight ? x + AWAY : x - AWAY - width));
  const lowest = within.y + within.height - height;
  const top = Math.round(Math.max(within.y, Math.min(y - height / 2, lowest)));
  scene.endLayer();
  octagon(scene, { x: left, y: top, width, height }, 7, color.callout, color.data, glow.bracket);
  for (let i = 0; i < lines.length; i++) {
    const style = i === 0 ? text.tooltip : text.caption;
    const paint = i === 0 ? color.now : color.muted;
    const baseline = top + PAD + 9 + i * ROW + (i > 0 ? 3 : 0);
    scene.textWithin(left + PAD, baseline, width - 2 * PAD, lines[i]!, style, paint);
  }
  scene.endLayer();
}
