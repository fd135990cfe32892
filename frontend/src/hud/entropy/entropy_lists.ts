import type { AppState } from "../../state/state";
import { labelAt } from "../attention/tokens";
import { fade } from "../color";
import { count } from "../format";
import type { Hits } from "../hits";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import { type EntropyModel, EVERYTHING, ONE_TOKEN, type Standout } from "./entropy_model";

export const LIST_ROW = 15;
/** Where a model has few heads, so that they leave less of a tall panel empty. */
const TALLEST_ROW = 24;
const TITLE = LIST_ROW + 4;
const GAP = 16;

/** Heads that a list of this height has room for. */
export function listedIn(height: number): number {
  return Math.max(0, Math.floor((height - TITLE) / LIST_ROW));
}

/** A head as one number, for a region that answers to the pointer. */
export function headValue(layer: number, head: number): number {
  return layer * 65536 + head;
}

/** The sharpest heads, with what they look at, beside the widest. Each can be picked. */
export function drawLists(scene: Scene, hits: Hits, state: AppState, model: EntropyModel, rect: Rect): void {
  const width = Math.floor((rect.width - GAP) * 0.58);
  const one = { ...rect, width };
  const all = { ...rect, x: rect.x + width + GAP, width: rect.width - width - GAP };
  const share = (n: number): string => `${count(n)} of ${count(model.known)}`;
  titles(scene, one, ["ONE TOKEN ONLY", "ONE TOKEN"], `${share(model.focused)} ≥ ${ONE_TOKEN * 100} %`);
  titles(scene, all, ["EVERYTHING"], `${share(model.even)} ≥ ${EVERYTHING * 100} %`);
  const rows = Math.min(listedIn(rect.height), model.known);
  const row = Math.min(Math.floor((rect.height - TITLE) / rows), TALLEST_ROW);
  for (let i = 0; i < rows; i++) {
    const y = rect.y + TITLE + i * row;
    const sharp = model.sharpest[i];
    if (sharp) drawSharp(scene, hits, state, sharp, one, y, row);
    const wide = model.widest[i];
    if (wide) drawWide(scene, hits, state, wide, all, y, row);
  }
}

function titles(scene: Scene, rect: Rect, names: readonly string[], note: string): void {
  const noted = scene.measure(note, text.caption);
  const room = rect.width - noted - 8;
  const name = names.find((one) => scene.measure(one, text.label) <= room) ?? names.at(-1)!;
  const used = scene.text(rect.x, rect.y + 11, name, text.label, color.muted);
  if (used + noted + 8 <= rect.width) {
    scene.text(rect.x + rect.width, rect.y + 11, note, text.caption, color.muted, "right");
  }
  scene.rect(rect.x, rect.y + LIST_ROW, rect.width, 1, color.rule);
}

/** Of a row's words. */
function baselineOf(y: number, row: number): number {
  return y + 11 + Math.floor((row - LIST_ROW) / 2);
}

/** Ground, bar and name of a row; returns where the rest begins. */
function drawRow(
  scene: Scene,
  hits: Hits,
  state: AppState,
  { layer, head, name }: Standout,
  rect: Rect,
  y: number,
  row: number,
  bar: number,
): number {
  const chosen = state.selection.layer === layer && state.selection.head === head;
  const paint = chosen ? color.attention : color.data;
  hits.add("head", headValue(layer, head), rect.x, y, rect.width, row);
  if (chosen) scene.rect(rect.x, y, rect.width, row, fade(color.attention, 0.12));
  scene.gradient(rect.x, y + row - 2, rect.width * bar, 1, fade(paint, 0.15), fade(paint, 0.8));
  scene.text(rect.x + 2, baselineOf(y, row), name, text.data, chosen ? color.attention : color.words);
  return rect.x + 2 + 8 * scene.step(text.data);
}

function drawSharp(
  scene: Scene,
  hits: Hits,
  state: AppState,
  one: Standout,
  rect: Rect,
  y: number,
  row: number,
): void {
  const x = drawRow(scene, hits, state, one, rect, y, row, one.peakWeight);
  const base = baselineOf(y, row);
  const weight = scene.text(x, base, one.weightShown, text.data, color.data);
  const left = x + Math.max(weight, 5 * scene.step(text.data)) + 8;
  const right = rect.x + rect.width;
  const at = scene.text(right, base, one.peakShown, text.caption, color.muted, "right");
  scene.textWithin(left, base, right - at - 8 - left, labelAt(state, one.peak), text.data, color.prompt);
}

function drawWide(
  scene: Scene,
  hits: Hits,
  state: AppState,
  one: Standout,
  rect: Rect,
  y: number,
  row: number,
): void {
  drawRow(scene, hits, state, one, rect, y, row, one.share);
  scene.text(rect.x + rect.width, baselineOf(y, row), one.shareShown, text.data, color.data, "right");
}
