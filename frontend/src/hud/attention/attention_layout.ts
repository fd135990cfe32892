import type { Rect } from "../layout";

/** Where the parts of the attention instrument stand. A null has no room. */
export interface AttentionLayout {
  /** The square of the matrix itself; its labels are left of it and below. */
  readonly plot: Rect;
  readonly labels: number;
  readonly below: number;
  /** The scale of colours, right of the matrix. */
  readonly bar: Rect;
  readonly row: Rect | null;
  readonly multiples: Rect | null;
  readonly sliders: Rect;
  readonly switches: Rect | null;
  readonly overview: Rect | null;
  readonly depth: Rect | null;
}

const BAR = 30;
const SLIDERS = 24;
const SWITCHES = 26;
const GAP = 10;
const WIDE = 900;
const LEAST_WIDE = 320;
/** Below it the row's bars say little: the lines by layer make room for them. */
const LEAST_ROW = 140;
/** Less is no picture at all. */
const ANY_ROW = 90;
const LEAST_PLOT = 140;

/** Width of the labels left of the matrix, and height of those below. */
const margins = (width: number): readonly [number, number] =>
  width >= WIDE ? [96, 72] : width >= 560 ? [74, 56] : width >= 380 ? [60, 54] : [60, 42];

export function attentionLayout(body: Rect, heads: number): AttentionLayout {
  const beside = body.width >= WIDE && body.width > body.height && body.height >= LEAST_WIDE;
  return beside ? wide(body, heads) : tall(body, heads);
}

/** Height of the overview with its captions: layers run right, heads down. */
export function overviewHeight(heads: number, room: number): number {
  const cell = Math.min(Math.max(Math.floor((room - 50) / Math.max(heads, 1)), 2), 20);
  return Math.min(room, 50 + cell * heads);
}

/** The matrix above, the rest below it. */
function tall(body: Rect, heads: number): AttentionLayout {
  const { x, width } = body;
  const [labels, below] = margins(width);
  const end = body.y + body.height;
  const most = width - labels - BAR - 8;
  // The overview may be denser before the matrix has to be smaller.
  const least = Math.min(overviewHeight(heads, 50 + 7 * heads), 170);
  const fixed = below + SLIDERS;
  let side = Math.min(most, body.height - fixed - SWITCHES - least - GAP);
  const all = side >= LEAST_PLOT;
  if (!all) side = Math.min(most, body.height - fixed);
  side = Math.max(40, Math.floor(side));
  const left = x + labels + Math.max(0, Math.floor((most - side) / 2));
  const plot = { x: left, y: body.y, width: side, height: side };
  const bar = { x: left + side + 8, y: body.y, width: 8, height: side };
  let y = body.y + side + below;
  const sliders = { x, y, width, height: SLIDERS };
  y += SLIDERS;
  const base = { plot, labels: left - x, below, bar, sliders, multiples: null, depth: null };
  if (!all) return { ...base, row: null, switches: null, overview: null };
  const switches = { x, y, width, height: SWITCHES };
  y += SWITCHES + 4;
  const room = end - y;
  const wanted = Math.min(room, overviewHeight(heads, 50 + 14 * heads));
  const row = room - wanted - GAP >= 110 ? { x, y, width, height: room - wanted - GAP } : null;
  if (row) y += row.height + GAP;
  const overview = { x, y, width, height: end - y };
  return { ...base, row, switches, overview };
}

/** The matrix on the left, the rest beside it. */
function wide(body: Rect, heads: number): AttentionLayout {
  const [labels, below] = margins(body.width);
  const side = Math.floor(Math.min(body.height - below, body.width * 0.56 - labels - BAR));
  const plot = { x: body.x + labels, y: body.y, width: side, height: side };
  const bar = { x: plot.x + side + 12, y: body.y, width: 8, height: side };
  const x = plot.x + side + 12 + BAR + 28;
  const width = body.x + body.width - x;
  const end = body.y + body.height;
  const switches = { x, y: end - SWITCHES, width, height: SWITCHES };
  const sliders = { x, y: switches.y - SLIDERS - 8, width, height: SLIDERS };
  const room = sliders.y - body.y - 3 * 20;
  const each = Math.floor(width / Math.min(Math.max(heads, 4), 10));
  const multiplesHeight = Math.min(each + 36, 190, room * 0.45);
  const overview = overviewHeight(heads, room * 0.34);
  const spare = room - multiplesHeight - overview;
  const depthHeight = Math.min(190, room * 0.22);
  const all = spare - depthHeight >= LEAST_ROW;
  const rowHeight = Math.min(270, all ? spare - depthHeight : spare + 4);
  let y = body.y;
  const place = (height: number): Rect => {
    const rect = { x, y, width, height };
    y += height + 20;
    return rect;
  };
  const row = rowHeight >= ANY_ROW ? place(rowHeight) : null;
  const multiples = place(multiplesHeight);
  const over = place(overview);
  const depth = all ? place(sliders.y - 16 - y) : null;
  return { plot, labels, below, bar, row, multiples, sliders, switches, overview: over, depth };
}
