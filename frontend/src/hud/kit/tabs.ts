import { fade } from "../color";
import type { Hits } from "../hits";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import type { Pointing } from "./focus_mark";

const PADDING = 10;
const GAP = 2;
/** Letters of a name where there is no room for all names. */
const BRIEF = 4;
const REST = fade(color.panel, 0.7);
const POINTED = fade(color.data, 0.6);

const briefs = new Map<string, string>();

/** The first letters of a name: cut once, not in every frame. */
function briefly(name: string): string {
  let brief = briefs.get(name);
  if (brief === undefined) {
    brief = name.slice(0, BRIEF);
    briefs.set(name, brief);
  }
  return brief;
}

/**
 * The instruments that share a place: one tab each, the one on show lit. Where there is no room for all names,
 * those that are not on show are cut to a few letters, then to a stroke; the pointer still finds them.
 *
 * @param nameOf the name on the tab of an instrument.
 */
export function tabs(
  scene: Scene,
  hits: Hits,
  rect: Rect,
  ids: readonly string[],
  nameOf: (id: string) => string,
  active: string,
  { pointerX, pointerY }: Pointing,
): void {
  let wanted = -GAP;
  for (let i = 0; i < ids.length; i++) wanted += tabWidth(scene, nameOf(ids[i]!)) + GAP;
  const fits = wanted <= rect.width;
  const own = tabWidth(scene, nameOf(active));
  const other = Math.max(8, Math.floor((rect.width - own) / Math.max(1, ids.length - 1)) - GAP);
  const height = rect.height - 3;
  const { at } = scene;
  let x = rect.x;
  for (let i = 0; i < ids.length; i++) {
    const name = nameOf(ids[i]!);
    const on = ids[i] === active;
    const width = on ? own : fits ? tabWidth(scene, name) : other;
    const inside = pointerX >= x && pointerX < x + width + GAP && pointerY >= rect.y;
    const over = !on && inside && pointerY < rect.y + rect.height;
    at[0] = x;
    at[1] = rect.y;
    at[2] = width;
    at[3] = height;
    if (on) scene.fillAt(color.panel, color.panel);
    else scene.fillAt(REST, REST);
    at[3] = 1.25;
    if (on) scene.boxAt(color.data, color.clear, 0, glow.bracket, color.data);
    else if (over) scene.boxAt(POINTED, color.clear, 0, 0, color.data);
    else scene.boxAt(color.frame, color.clear, 0, 0, color.data);
    const word = on || fits ? name : briefly(name);
    const wide = scene.measure(word, text.tab);
    if (wide <= width) {
      at[0] = x + (width - wide) / 2;
      at[1] = rect.y + height - 4;
      if (on || over) scene.textAt(word, text.tab, color.data);
      else scene.textAt(word, text.tab, color.muted);
    }
    hits.add("tab", i, x, rect.y, width + GAP, rect.height);
    x += width + GAP;
  }
}

function tabWidth(scene: Scene, name: string): number {
  return scene.measure(name, text.tab) + 2 * PADDING;
}
