import { fade } from "../color";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, size, text } from "../theme";
import { rule } from "./frame";

/** Height of a panel's heading with its rule. */
export const HEADING = 32;
/** What the focus mark takes at the heading's right end. */
export const MARK = 18;
const NOTE = fade(color.muted, 0.92);

/** Title at the top of a panel, and the first of its captions (longest first) that has room. */
export function heading(scene: Scene, rect: Rect, title: string, captions: readonly string[]): void {
  const left = rect.x + size.padding;
  const right = rect.x + rect.width - size.padding - MARK;
  const baseline = rect.y + 20;
  scene.box(left, baseline - 9, 2, 10, color.data, color.clear, 0, 5, color.data);
  const used = scene.text(left + 8, baseline, title, text.title, color.data);
  const room = right - left - used - 24;
  for (let i = 0; i < captions.length; i++) {
    const caption = captions[i]!;
    if (scene.measure(caption, text.caption) > room) continue;
    scene.text(right, baseline, caption, text.caption, color.muted, "right");
    break;
  }
  rule(scene, left, rect.y + HEADING - 1, rect.width - 2 * size.padding);
}

/** A caption in capitals on the left, an explanation on the right; `y` is the baseline. */
export function caption(scene: Scene, x: number, y: number, width: number, name: string, note: string): void {
  const used = scene.text(x, y, name, text.label, color.muted);
  const room = width - used - 12;
  if (scene.measure(note, text.caption) <= room) {
    scene.text(x + width, y, note, text.caption, NOTE, "right");
  }
}
