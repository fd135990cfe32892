import type { AppState } from "../../state/state";
import { floatToHalf } from "../../telemetry/half";
import { fade } from "../color";
import { HEAT_EDGE, type HeatRegion, type HeatStore } from "../heat_store";
import { outline } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { brightness, type EntropyModel } from "./entropy_model";

/** The overview's curve: what is unfocused stays dark. Named on the panel. */
export const ENTROPY_GAMMA = 2.1;
const NOT_A_NUMBER = 0x7e00;
const LEFT = 22;
const BELOW = 15;

export function half(value: number): number {
  return Number.isNaN(value) ? NOT_A_NUMBER : floatToHalf(value);
}

/** Layers from left to right, heads from top to bottom. */
export function writeEntropies(
  store: HeatStore,
  region: HeatRegion,
  model: EntropyModel,
  inNats: boolean,
): void {
  const columns = Math.min(model.layers, region.width);
  const rows = Math.min(model.heads, region.height);
  for (let row = 0; row < rows; row++) {
    const to = (region.y + row) * HEAT_EDGE + region.x;
    for (let column = 0; column < columns; column++) {
      store.values[to + column] = half(brightness(model, column * model.heads + row, inNats));
    }
  }
  store.touch(region, 0, rows);
}

/** Where the cells stand in the map's part: whole pixels, and no higher than they are wide. */
export function cellsIn(part: Rect, layers: number, heads: number): Rect {
  const room = part.width - LEFT;
  const across = room / layers;
  const width = across >= 4 ? Math.floor(across) * layers : room;
  const down = Math.min((part.height - BELOW) / heads, Math.max(across * 1.6, 6));
  const height = down >= 4 ? Math.floor(down) * heads : down * heads;
  return { x: part.x + LEFT, y: part.y, width, height };
}

export const belowCells = BELOW;

/** The cell under a point; null outside. */
export function cellAt(
  cells: Rect,
  model: EntropyModel,
  x: number,
  y: number,
): { layer: number; head: number } | null {
  const layer = Math.floor(((x - cells.x) / cells.width) * model.layers);
  const head = Math.floor(((y - cells.y) / cells.height) * model.heads);
  const inside = layer >= 0 && layer < model.layers && head >= 0 && head < model.heads;
  return inside ? { layer, head } : null;
}

function cellRect(cells: Rect, model: EntropyModel, layer: number, head: number): Rect {
  const width = cells.width / model.layers;
  const height = cells.height / model.heads;
  return { x: cells.x + layer * width, y: cells.y + head * height, width, height };
}

/** The selected head in orange, the one under the pointer in white, and the numbers of layers and heads. */
export function drawMarks(
  scene: Scene,
  state: AppState,
  model: EntropyModel,
  cells: Rect,
  over: { layer: number; head: number } | null,
): void {
  const { layer, head } = state.selection;
  if (layer < model.layers && head < model.heads) {
    const at = cellRect(cells, model, layer, head);
    scene.rect(at.x, cells.y - 3, at.width, 2, color.attention);
    scene.rect(cells.x - 3, at.y, 2, at.height, color.attention);
    const wide = Math.max(at.width, 5) + 2;
    const high = Math.max(at.height, 5) + 2;
    const x = at.x + at.width / 2 - wide / 2;
    const y = at.y + at.height / 2 - high / 2;
    scene.box(x, y, wide, high, color.clear, color.attention, 1.5, glow.active, fade(color.attention, 0.7));
  }
  if (over) outline(scene, cellRect(cells, model, over.layer, over.head), color.now);
  drawNumbers(scene, cells, model.layers, layer, true);
  drawNumbers(scene, cells, model.heads, head, false);
}

/** Every so many numbers along a side, the selected one among them in orange. */
function drawNumbers(scene: Scene, cells: Rect, many: number, selected: number, across: boolean): void {
  const step = (across ? cells.width : cells.height) / many;
  const every = [1, 2, 5, 10, 20, 50, 100].find((n) => n * step >= (across ? 26 : 12)) ?? 100;
  for (let i = 0; i < many; i++) {
    const on = i === selected;
    if (!on && (i % every !== 0 || Math.abs(i - selected) * step < (across ? 22 : 10))) continue;
    const middle = (i + 0.5) * step;
    const paint = on ? color.attention : color.muted;
    if (across)
      scene.text(cells.x + middle, cells.y + cells.height + 11, String(i), text.caption, paint, "center");
    else scene.text(cells.x - 5, cells.y + middle + 3.5, String(i), text.caption, paint, "right");
  }
}
