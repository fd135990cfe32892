import { fade } from "../color";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import type { WaterfallCell, WaterfallColumn } from "./waterfall_model";

/** Heights of the parts of a column. */
export const HEAD = 16;
export const TOKEN = 19;
export const ROW = 14;
/** Between the candidates and the row of a sampled token that is not among them. */
const APART = 4;

/** Height of a column that shows `rows` candidates. */
export function columnHeight(rows: number): number {
  return HEAD + TOKEN + rows * ROW + APART + ROW;
}

/** Where the rows begin, from the column's top. */
const ROWS_TOP = HEAD + TOKEN;

/** Baseline of a row's rank, from the column's top. */
export function rankBaseline(row: number): number {
  return ROWS_TOP + row * ROW + 9;
}

/** The candidate at `down` pixels from a column's top; null between and beside them. */
export function cellAt(column: WaterfallColumn, rows: number, down: number): WaterfallCell | null {
  const row = Math.floor((down - ROWS_TOP) / ROW);
  if (row >= 0 && row < rows) return column.cells[row] ?? null;
  const under = down - ROWS_TOP - rows * ROW - APART;
  return under >= 0 && under < ROW && !inRows(column, rows) ? column.sampled : null;
}

function inRows(column: WaterfallColumn, rows: number): boolean {
  return column.place >= 0 && column.place < rows;
}

/** How a column stands out. */
export type Standing = "past" | "now" | "pinned";

/** One token: where it stands, what could have been, what became. */
export function drawColumn(
  scene: Scene,
  column: WaterfallColumn,
  x: number,
  y: number,
  width: number,
  rows: number,
  standing: Standing,
): void {
  const left = x + 4;
  const inner = width - 8;
  const lead = standing === "pinned" ? color.attention : standing === "now" ? color.data : color.muted;
  scene.text(left, y + 11, column.position, text.caption, lead);
  const paint = column.uncertain ? color.attention : color.muted;
  const entropy = width >= 68 ? `H ${column.entropyShown}` : column.entropyShown;
  scene.text(left + inner, y + 11, entropy, text.caption, paint, "right");
  const token = standing === "past" ? color.words : color.now;
  scene.textWithin(left, y + HEAD + 12, inner, column.token, text.token, token);
  for (let row = 0; row < rows; row++) {
    const cell = column.cells[row];
    if (!cell) break;
    drawCell(scene, cell, left, y + ROWS_TOP + row * ROW, inner, "");
  }
  if (!inRows(column, rows)) {
    const top = y + ROWS_TOP + rows * ROW + APART;
    const { rank } = column.sampled;
    drawCell(scene, column.sampled, left, top, inner, rank > 9999 ? "…" : String(rank));
  }
}

/** A candidate: its bar, as wide as the cell times its probability, and its name on it. `rank` says it ranks lower. */
function drawCell(
  scene: Scene,
  cell: WaterfallCell,
  x: number,
  y: number,
  width: number,
  rank: string,
): void {
  const { sampled } = cell;
  const height = ROW - 1.5;
  const length = cell.p * width;
  if (sampled) {
    scene.rect(x, y, length, height, fade(color.data, 0.62));
    scene.box(x - 1.5, y - 1.5, width + 3, height + 3, color.raised, color.now, 1, glow.bracket, color.data);
  } else if (length > 0) {
    scene.rect(x, y, length, height, fade(color.data, 0.34));
  }
  const baseline = y + 9;
  const number = scene.measure(cell.shown, text.caption);
  const ink = sampled ? color.now : color.muted;
  scene.text(x + width - 3, baseline, cell.shown, text.caption, ink, "right");
  const taken = rank === "" ? 0 : scene.text(x + 3, baseline, rank, text.caption, color.attention) + 4;
  const room = width - number - 9 - taken;
  scene.textWithin(
    x + 3 + taken,
    baseline,
    room,
    cell.label,
    text.caption,
    sampled ? color.now : color.words,
  );
}
