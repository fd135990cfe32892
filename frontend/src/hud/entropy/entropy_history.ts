import type { AppState } from "../../state/state";
import { HEAT_EDGE, type HeatRegion, type HeatStore } from "../heat_store";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size, text } from "../theme";
import { ENTROPY_GAMMA, half } from "./entropy_map";
import { type EntropyModel, shareOf } from "./entropy_model";
import type { HeadHistory } from "./head_history";

/** Positions in the history's picture. */
export const HISTORY_COLUMNS = 256;
/** Heads in it; those of a wider layer share rows, the sharpest shows. */
export const HISTORY_ROWS = 64;

/** Which part of the history is on show. */
export interface HistoryView {
  readonly layer: number;
  /** First position. */
  readonly start: number;
  readonly columns: number;
  readonly inNats: boolean;
}

/** A layer's heads, one a row, over positions, one a column; what is not known is left out. */
export function writeHistory(
  store: HeatStore,
  region: HeatRegion,
  history: HeadHistory,
  { layer, start, columns, inNats }: HistoryView,
  model: EntropyModel,
  visible: (position: number) => number,
): number {
  const rows = Math.min(history.heads, HISTORY_ROWS);
  const each = Math.ceil(history.heads / rows);
  for (let column = 0; column < columns; column++) {
    const most = inNats ? model.top : Math.log(Math.max(visible(start + column), 1));
    for (let row = 0; row < rows; row++) {
      let least = Number.NaN;
      for (let head = row * each; head < Math.min((row + 1) * each, history.heads); head++) {
        const value = history.at(start + column, layer, head);
        if (!(least <= value)) least = Number.isNaN(value) ? least : value;
      }
      const at = (region.y + row) * HEAT_EDGE + region.x + column;
      store.values[at] = half(1 - shareOf(least, most));
    }
  }
  store.touch(region, 0, rows);
  return rows;
}

/** The picture of a layer's history, its selected head marked, its newest column at the position on show. */
export function drawHistoryMap(
  scene: Scene,
  region: HeatRegion,
  rect: Rect,
  rows: number,
  columns: number,
  head: number,
  heads: number,
): void {
  scene.rect(rect.x, rect.y, rect.width, rect.height, color.well);
  scene.heatmap(rect.x, rect.y, rect.width, rect.height, region, columns, rows, ENTROPY_GAMMA);
  const each = Math.ceil(heads / rows);
  const row = Math.floor(head / each);
  const high = rect.height / rows;
  scene.box(
    rect.x - 1,
    rect.y + row * high - 0.5,
    rect.width + 2,
    high + 1,
    color.clear,
    color.attention,
    1,
    0,
  );
}

/** The selected head's line: nats below the ceiling of what is possible at each position. */
export function drawHistoryLine(
  scene: Scene,
  state: AppState,
  history: HeadHistory,
  rect: Rect,
  view: HistoryView,
  visible: (position: number) => number,
): void {
  const { layer, head } = state.selection;
  const top = Math.max(Math.log(Math.max(visible(view.start + view.columns - 1), 2)), 0.5);
  const step = rect.width / Math.max(view.columns - 1, 1);
  const y = (nats: number): number => rect.y + rect.height * (1 - Math.min(nats / top, 1));
  scene.rect(rect.x, rect.y, rect.width, rect.height, color.well);
  scene.rect(rect.x, rect.y + rect.height - 1, rect.width, 1, color.rule);
  let before = Number.NaN;
  let newest = -1;
  const stride = Math.max(1, Math.floor(view.columns / 128));
  for (let i = 0; i < view.columns; i += stride) {
    const position = view.start + i;
    const ceiling = y(Math.log(Math.max(visible(position), 1)));
    scene.rect(rect.x + i * step, ceiling, Math.max(1, step * stride * 0.5), 1, color.frame);
  }
  for (let i = 0; i < view.columns; i++) {
    const value = history.at(view.start + i, layer, head);
    if (!Number.isNaN(value) && !Number.isNaN(before)) {
      const x = rect.x + i * step;
      scene.line(x - step, y(before), x, y(value), size.dataLine, color.data, glow.none);
    }
    before = value;
    if (!Number.isNaN(value)) newest = i;
  }
  if (newest >= 0) {
    const last = history.at(view.start + newest, layer, head);
    scene.circle(rect.x + newest * step, y(last), 2.5, color.now, glow.active);
  }
  scene.text(rect.x + rect.width + 6, rect.y + 8, top.toFixed(1), text.caption, color.muted);
  scene.text(rect.x + rect.width + 6, rect.y + rect.height, "0", text.caption, color.muted);
}
