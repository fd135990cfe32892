import { fade } from "../color";
import type { Hits } from "../hits";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { octagon } from "./frame";

export const SWITCH_HEIGHT = 18;

/** One of several words, the chosen one lit; each answers as "button" from number `id` on. Returns its width. */
export function drawSwitch(
  scene: Scene,
  hits: Hits,
  id: number,
  words: readonly string[],
  chosen: number,
  x: number,
  y: number,
): number {
  let left = x;
  words.forEach((word, i) => {
    const width = Math.ceil(scene.measure(word, text.label)) + 14;
    const on = i === chosen;
    const rect = { x: left, y, width, height: SWITCH_HEIGHT };
    octagon(
      scene,
      rect,
      3,
      on ? color.raised : color.well,
      on ? color.data : color.frame,
      on ? glow.bracket : 0,
    );
    scene.text(left + 7, y + 13, word, text.label, on ? color.data : fade(color.muted, 0.9));
    hits.add("button", id + i, left, y, width, SWITCH_HEIGHT);
    left += width + 4;
  });
  return left - 4 - x;
}
