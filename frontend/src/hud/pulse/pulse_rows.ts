/** Where the rows of layers stand, in logical pixels. */
export interface Rows {
  readonly y: number;
  /** From one row to the next; rarely whole, but rows begin on whole pixels. */
  readonly pitch: number;
  /** Row at the top, and rows on show. */
  readonly first: number;
  readonly shown: number;
  /** Greatest `first`: 0 when all rows are on show. */
  readonly limit: number;
  /** Every how many rows there is room for a number. */
  readonly labelEvery: number;
}

/** A dozen layers on the whole screen leave no half of it empty. */
const WIDEST = 72;
/** Rows of words; below it only every few rows are numbered. */
const LEGIBLE = 10;
const THINNEST = 3;

/** Spreads `count` rows over `height`; those that can't be a few pixels tall scroll. */
export function layRows(count: number, y: number, height: number, scrolled: number): Rows {
  if (count === 0 || height < THINNEST) return { y, pitch: 1, first: 0, shown: 0, limit: 0, labelEvery: 1 };
  const natural = height / count;
  const pitch = Math.min(Math.max(natural, THINNEST), WIDEST);
  const shown = Math.min(count, Math.floor(height / pitch + 1e-6));
  const limit = count - shown;
  const first = Math.min(Math.max(Math.round(scrolled), 0), limit);
  return { y, pitch, first, shown, limit, labelEvery: Math.max(1, Math.ceil(LEGIBLE / pitch)) };
}

/** Top of a row, on a whole pixel. */
export function rowTop(rows: Rows, row: number): number {
  return Math.round(rows.y + (row - rows.first) * rows.pitch);
}

export function rowHeight(rows: Rows, row: number): number {
  return Math.max(rowTop(rows, row + 1) - rowTop(rows, row), 1);
}

/** Height of what is drawn in a row: the same in all, whatever is left to the next. */
export function barHeight(rows: Rows): number {
  const whole = Math.max(Math.floor(rows.pitch), 1);
  return whole - (whole >= 6 ? 2 : whole >= 3 ? 1 : 0);
}

/** The row under `y`; -1 outside. */
export function rowAt(rows: Rows, y: number): number {
  const row = Math.floor((y - rows.y) / rows.pitch) + rows.first;
  return y >= rows.y && row < rows.first + rows.shown ? row : -1;
}

/** Columns across a row. */
export interface Columns {
  readonly number: number;
  /** Left edges of the bars, and their width. */
  readonly bars: readonly [number, number, number];
  readonly barWidth: number;
  /** Right edge of the change. */
  readonly change: number;
  readonly focus: number;
  readonly focusWidth: number;
}

const NUMBER = 22;
const CHANGE = 40;
const GAP = 10;

/** `heads` marks beside each row, as wide as they need and no wider than a fifth. */
export function layColumns(x: number, width: number, heads: number): Columns {
  const focusWidth = heads === 0 ? 0 : Math.round(Math.min(Math.max(heads * 6, 36), width * 0.2));
  const focus = x + width - focusWidth;
  const change = focus - (heads === 0 ? 0 : GAP);
  const left = x + NUMBER;
  const barWidth = Math.floor((change - CHANGE - left - 2 * GAP) / 3);
  const bars = [left, left + barWidth + GAP, left + 2 * (barWidth + GAP)] as const;
  return { number: x, bars, barWidth, change, focus, focusWidth };
}
