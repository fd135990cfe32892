import { fade } from "../color";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color } from "../theme";
import type { KvLayers } from "./kv_model";

/** Value of the region that is a table of the layers; that of the selector is 0. */
export const TABLE = 1;

const WIDEST = 14;
/** Height of the least cache's column, as a share: it stays to be seen. */
const LEAST = 0.3;
const USED = fade(color.data, 0.35);
const NO_CACHE = fade(color.muted, 0.25);

/** From one layer to the next. */
function pitchOf(layers: KvLayers, rect: Rect): number {
  return Math.min(rect.width / Math.max(layers.count, 1), WIDEST);
}

/** The layer selector: a column for each cache, as tall as it has cells, lit as far as it is used. */
export function drawLayers(scene: Scene, layers: KvLayers, selected: number, rect: Rect): void {
  const pitch = pitchOf(layers, rect);
  const gap = pitch >= 5 ? 2 : pitch >= 3 ? 1 : 0;
  const base = rect.y + rect.height;
  for (let row = 0; row < layers.count; row++) {
    const x = Math.round(rect.x + row * pitch);
    const width = Math.max(Math.round(rect.x + (row + 1) * pitch) - x - gap, 1);
    const size = layers.size[row]!;
    if (size === 0) {
      scene.hatch(x, rect.y, width, rect.height, NO_CACHE, color.clear, 4);
    } else {
      const tall = Math.round(rect.height * (LEAST + (1 - LEAST) * size));
      drawColumn(scene, layers, row, x, base, width, tall);
    }
    if (layers.layer[row] === selected) {
      scene.box(x - 2, rect.y - 2, width + 4, rect.height + 5, color.clear, color.attention, 1.25, 5);
    }
  }
}

function drawColumn(
  scene: Scene,
  layers: KvLayers,
  row: number,
  x: number,
  base: number,
  width: number,
  tall: number,
): void {
  const windowed = layers.windowed[row] === 1;
  scene.rect(x, base - tall, width, tall, color.track);
  const used = layers.fill[row]! * tall;
  const live = layers.live[row]! * tall;
  if (used > 0) scene.rect(x, base - Math.max(used, 1), width, Math.max(used, 1), USED);
  // What can still be seen is the newest: it stands on top.
  if (live > 0) scene.rect(x, base - Math.max(used, 1), width, Math.max(live, 1), color.data);
  if (windowed) scene.rect(x, base + 1, width, 2, color.prompt);
}

/** The row under `x`. */
export function layerAt(layers: KvLayers, rect: Rect, x: number): number {
  const row = Math.floor((x - rect.x) / pitchOf(layers, rect));
  return Math.min(Math.max(row, 0), layers.count - 1);
}
