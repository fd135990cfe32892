import { fade } from "../color";
import type { Hits } from "../hits";
import type { Scene } from "../scene";
import { color, glow, size, text } from "../theme";

export const SWITCH_HEIGHT = 18;
const CUT = 3;
const QUIET = fade(color.muted, 0.9);

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
  const { at } = scene;
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const width = Math.ceil(scene.measure(word, text.label)) + 14;
    at[0] = left;
    at[1] = y;
    at[2] = width;
    at[3] = SWITCH_HEIGHT;
    // A box with cut corners.
    const { raised, data, well, frame } = color;
    if (i === chosen) scene.boxAt(raised, data, size.hairline, glow.bracket, data, 0, CUT);
    else scene.boxAt(well, frame, size.hairline, 0, frame, 0, CUT);
    if (i === chosen) scene.text(left + 7, y + 13, word, text.label, data);
    else scene.text(left + 7, y + 13, word, text.label, QUIET);
    hits.add("button", id + i, left, y, width, SWITCH_HEIGHT);
    left += width + 4;
  }
  return left - 4 - x;
}
