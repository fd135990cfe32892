import { fade } from "../color";
import type { Hits } from "../hits";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";

const HEIGHT = 14;
const INSIDE = 6;

/** Choices side by side, one of them on; each a `button` with its number after `first`. Returns the width. */
export function toggle(
  scene: Scene,
  hits: Hits,
  x: number,
  y: number,
  names: readonly string[],
  on: number,
  first = 0,
): number {
  let left = x;
  names.forEach((name, i) => {
    const width = Math.ceil(scene.measure(name, text.caption)) + 2 * INSIDE;
    const lit = i === on;
    const fill = lit ? color.raised : color.clear;
    scene.box(
      left,
      y,
      width,
      HEIGHT,
      fill,
      lit ? color.data : color.frame,
      1,
      lit ? glow.bracket : 0,
      fade(color.data, 0.4),
    );
    scene.text(left + INSIDE, y + 10, name, text.caption, lit ? color.data : color.muted);
    hits.add("button", first + i, left, y - 2, width, HEIGHT + 4);
    left += width - 1;
  });
  return left + 1 - x;
}
