import { fade, palette } from "../color";
import type { Scene } from "../scene";
import { color, glow, type TextStyle, text } from "../theme";
import type { WaterfallCell, WaterfallColumn } from "./waterfall_model";

/** How large a column is written: in a strip, or with the screen to itself. Logical pixels. */
export interface Density {
  /** Heights: position and entropy, the token, a candidate. */
  readonly head: number;
  readonly token: number;
  readonly row: number;
  /** Wanted width of a column. */
  readonly width: number;
  readonly caption: TextStyle;
  readonly name: TextStyle;
  readonly word: TextStyle;
}

export const SMALL: Density = {
  head: 16,
  token: 19,
  row: 14,
  width: 82,
  caption: text.caption,
  name: text.token,
  word: text.word,
};

export const LARGE: Density = {
  head: 20,
  token: 26,
  row: 20,
  width: 124,
  caption: text.data,
  name: { ...text.largeToken, size: 15 },
  word: text.token,
};

/** Between the candidates and the row of a sampled token that is not among them. */
const APART = 4;
const SAMPLED = fade(color.data, 0.62);
const OTHER = fade(color.data, 0.34);
/** By how a column stands out: its position, its token. */
const LEADS = palette(color.muted, color.data, color.attention);
const INKS = palette(color.words, color.now, color.now);
/** Of its entropy: usual, and uncertain. */
const ENTROPY = palette(color.muted, color.attention);

/** Height of a column that shows `rows` candidates. */
export function columnHeight({ head, token, row }: Density, rows: number): number {
  return head + token + rows * row + APART + row;
}

/** Baseline of text in the middle of a row. */
function within({ row }: Density, style: TextStyle): number {
  return Math.round((row - 1.5) / 2 + style.size * 0.36);
}

/** Baseline of a row's rank, from the column's top. */
export function rankBaseline(density: Density, row: number): number {
  return density.head + density.token + row * density.row + within(density, density.caption);
}

/** The candidate at `down` pixels from a column's top; null between and beside them. */
export function cellAt(
  column: WaterfallColumn,
  density: Density,
  rows: number,
  down: number,
): WaterfallCell | null {
  const from = down - density.head - density.token;
  const row = Math.floor(from / density.row);
  if (row >= 0 && row < rows) return column.cells[row] ?? null;
  const under = from - rows * density.row - APART;
  return under >= 0 && under < density.row && !inRows(column, rows) ? column.sampled : null;
}

function inRows(column: WaterfallColumn, rows: number): boolean {
  return column.place >= 0 && column.place < rows;
}

/** How a column stands out. */
export const Standing = { past: 0, now: 1, pinned: 2 } as const;

/** One token: where it stands, what could have been, what became. */
export function drawColumn(
  scene: Scene,
  column: WaterfallColumn,
  density: Density,
  x: number,
  y: number,
  width: number,
  rows: number,
  standing: number,
): void {
  const left = x + 4;
  const inner = width - 8;
  const { head, token, row, caption } = density;
  const first = y + head - 5;
  scene.text(left, first, column.position, caption, LEADS[standing]!);
  const entropy = width >= 68 ? column.entropyNamed : column.entropyShown;
  const { at } = scene;
  at[0] = left + inner;
  at[1] = first;
  scene.textAt(entropy, caption, ENTROPY[column.uncertain ? 1 : 0]!, "right");
  const name = scene.measure(column.token, density.name) <= inner ? density.name : density.word;
  at[0] = left;
  at[1] = y + head + token - 7;
  at[2] = inner;
  scene.textWithinAt(column.token, name, INKS[standing]!);
  const top = y + head + token;
  for (let i = 0; i < rows; i++) {
    const cell = column.cells[i];
    if (!cell) break;
    at[0] = left;
    at[1] = top + i * row;
    at[2] = inner;
    drawCell(scene, cell, density, "");
  }
  if (!inRows(column, rows)) {
    const { rank } = column.sampled;
    at[0] = left;
    at[1] = top + rows * row + APART;
    at[2] = inner;
    drawCell(scene, column.sampled, density, rank > 9999 ? "…" : String(rank));
  }
}

/**
 * A candidate, at `scene.at`: its bar, as wide as the cell times its probability, and its name on it. `rank` says it
 * ranks lower.
 */
function drawCell(scene: Scene, cell: WaterfallCell, density: Density, rank: string): void {
  const { at } = scene;
  const x = at[0]!;
  const y = at[1]!;
  const width = at[2]!;
  const { sampled } = cell;
  const { word, row } = density;
  at[2] = cell.p * width;
  at[3] = row - 1.5;
  if (sampled) {
    scene.fillAt(SAMPLED, SAMPLED);
    at[0] = x - 1.5;
    at[1] = y - 1.5;
    at[2] = width + 3;
    at[3] = row - 1.5 + 3;
    scene.boxAt(color.raised, color.now, 1, glow.bracket, color.data);
  } else if (at[2]! > 0) scene.fillAt(OTHER, OTHER);
  const number = scene.measure(cell.shown, word);
  const baseline = y + within(density, word);
  at[0] = x + width - 3;
  at[1] = baseline;
  if (sampled) scene.textAt(cell.shown, word, color.now, "right");
  else scene.textAt(cell.shown, word, color.muted, "right");
  const taken = rank === "" ? 0 : scene.text(x + 3, baseline, rank, word, color.attention) + 4;
  at[0] = x + 3 + taken;
  at[1] = baseline;
  at[2] = width - number - 9 - taken;
  if (sampled) scene.textWithinAt(cell.label, word, color.now);
  else scene.textWithinAt(cell.label, word, color.words);
}
