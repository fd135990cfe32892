import { fade } from "../color";
import type { Hits } from "../hits";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";

const PADDING = 10;
const GAP = 2;
/** Letters of a name where there is no room for all names. */
const BRIEF = 4;

/**
 * The instruments that share a place: one tab each, the one on show lit. Where there is no room for all names,
 * those that are not on show are cut to a few letters, then to a stroke; the pointer still finds them.
 */
export function tabs(
  scene: Scene,
  hits: Hits,
  rect: Rect,
  names: readonly string[],
  active: number,
  pointerX: number,
  pointerY: number,
): void {
  const wanted = names.reduce((sum, name) => sum + tabWidth(scene, name) + GAP, -GAP);
  const fits = wanted <= rect.width;
  const own = tabWidth(scene, names[active]!);
  const other = Math.max(8, Math.floor((rect.width - own) / Math.max(1, names.length - 1)) - GAP);
  const height = rect.height - 3;
  let x = rect.x;
  names.forEach((name, i) => {
    const on = i === active;
    const width = on ? own : fits ? tabWidth(scene, name) : other;
    const inside = pointerX >= x && pointerX < x + width + GAP && pointerY >= rect.y;
    const over = !on && inside && pointerY < rect.y + rect.height;
    scene.rect(x, rect.y, width, height, on ? color.panel : fade(color.panel, 0.7));
    const line = on ? color.data : over ? fade(color.data, 0.6) : color.frame;
    scene.box(x, rect.y, width, 1.25, line, color.clear, 0, on ? glow.bracket : 0, color.data);
    const paint = on || over ? color.data : color.muted;
    const word = on || fits ? name : name.slice(0, BRIEF);
    const wide = scene.measure(word, text.label);
    if (wide <= width) scene.text(x + (width - wide) / 2, rect.y + height - 4, word, text.label, paint);
    hits.add("tab", i, x, rect.y, width + GAP, rect.height);
    x += width + GAP;
  });
}

function tabWidth(scene: Scene, name: string): number {
  return scene.measure(name, text.label) + 2 * PADDING;
}
