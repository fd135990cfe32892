import { clusters } from "../../text/clusters";
import { octagon } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";

const PADDING = 10;
const LINE = 15;
/** From the pointer, so that it hides nothing of what it tells of. */
const AWAY = 16;

/** Lines of words beside the pointer, whole: one that is wider than `bounds` goes on below. Over all drawn so far. */
export function drawCallout(
  scene: Scene,
  words: readonly string[],
  x: number,
  y: number,
  bounds: Rect,
): void {
  const lines = words.flatMap((line) => wrapped(scene, line, bounds.width - 2 * PADDING - 4));
  const width = Math.max(...lines.map((line) => scene.measure(line, text.data))) + 2 * PADDING;
  const height = lines.length * LINE + PADDING;
  const left = Math.round(Math.min(Math.max(x - 20, bounds.x + 2), bounds.x + bounds.width - width - 2));
  const below = y + AWAY + height < bounds.y + bounds.height;
  const top = Math.round(below ? y + AWAY : Math.max(bounds.y + 2, y - AWAY - height));
  scene.endLayer();
  octagon(scene, { x: left, y: top, width, height }, 7, color.callout, color.data, glow.bracket);
  lines.forEach((line, i) => {
    scene.text(left + PADDING, top + PADDING + 6 + i * LINE, line, text.data, color.now);
  });
}

/** A token has no spaces to break at: cut where the room ends. */
function wrapped(scene: Scene, words: string, room: number): string[] {
  const lines = [""];
  let left = room;
  for (const cluster of clusters(words)) {
    const wide = scene.measure(cluster, text.data);
    if (wide > left && left < room) {
      lines.push("");
      left = room;
    }
    lines[lines.length - 1] += cluster;
    left -= wide;
  }
  return lines;
}
