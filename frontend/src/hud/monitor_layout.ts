import type { Rect } from "./layout";
import { CAPTION, choiceHeight } from "./monitor_choice";
import { GAUGES_HEIGHT } from "./monitor_gauges";
import { largeStream, type StreamType, smallStream } from "./monitor_stream";
import { size } from "./theme";

/** Where the monitor's sections stand, below its status. */
export interface MonitorLayout {
  readonly stream: Rect;
  /** Of it, what the text has below the caption. */
  readonly text: Rect;
  readonly type: StreamType;
  readonly choice: Rect;
  /** Candidates shown, and the height of each. */
  readonly rows: number;
  readonly row: number;
  /** Null where there is no room: text and candidates come first. */
  readonly entropy: Rect | null;
  readonly gauges: Rect | null;
}

/** A body of this width sets text and numbers side by side. */
export const WIDE = 880;
const ROOMY = 720;
/** Caption, two lines of text and the pulse; where many candidates are asked for, text alone. */
const LEAST_STREAM = 108;
const LEAST_TEXT = 72;
const TIGHT_ROW = 12;

/** As many candidates as asked for, and as there is room for; never none. */
function candidateRows(wanted: number, room: number, row: number): number {
  return Math.max(1, Math.min(wanted, Math.floor((room - choiceHeight(0, row)) / row)));
}

/** One column: the text takes what the numbers leave. `top` is where the status ends. */
export function columnLayout(body: Rect, top: number, wanted: number): MonitorLayout {
  const roomy = body.height > ROOMY;
  const calmRow = roomy ? 19 : 14;
  const plot = roomy ? 124 : 78;
  const gap = roomy ? 8 : 2;
  const { x, width } = body;
  const all = body.y + body.height - top - gap;
  const least = LEAST_TEXT + choiceHeight(1, TIGHT_ROW);
  const gauged = all - GAUGES_HEIGHT - gap >= least;
  const plotted = all - GAUGES_HEIGHT - plot - 2 * gap >= least;
  const room = all - (plotted ? plot + gap : 0) - (gauged ? GAUGES_HEIGHT + gap : 0);
  const calm = candidateRows(wanted, room - LEAST_STREAM, calmRow);
  const tight = calm < wanted;
  const row = tight ? TIGHT_ROW : calmRow;
  const rows = tight ? candidateRows(wanted, room - LEAST_TEXT, row) : calm;
  const choiceTall = choiceHeight(rows, row);
  const stream = { x, y: top, width, height: room - choiceTall };
  const choice = { x, y: top + stream.height + gap, width, height: choiceTall };
  const below = choice.y + choiceTall + gap;
  const entropy = plotted ? { x, y: below, width, height: plot } : null;
  const gauges = gauged ? { x, y: below + (plotted ? plot + gap : 0), width, height: GAUGES_HEIGHT } : null;
  const text = belowCaption(stream);
  return { stream, text, type: roomy ? largeStream : smallStream, choice, rows, row, entropy, gauges };
}

/** Text at the left, numbers at the right: the monitor alone on the screen. */
export function wideLayout(body: Rect, top: number, wanted: number): MonitorLayout {
  const left = wideColumn(body);
  const x = body.x + left + 2 * size.gutter;
  const width = body.x + body.width - x;
  const gap = 12;
  const row = 19;
  const least = Math.max(100, Math.floor(body.height * 0.24));
  const rows = candidateRows(wanted, body.height - least - GAUGES_HEIGHT - 2 * gap, row);
  const choice = { x, y: body.y, width, height: choiceHeight(rows, row) };
  const bottom = body.y + body.height;
  const gauges = { x, y: bottom - GAUGES_HEIGHT, width, height: GAUGES_HEIGHT };
  const entropyTop = choice.y + choice.height + gap;
  const entropy = { x, y: entropyTop, width, height: gauges.y - gap - entropyTop };
  const stream = { x: body.x, y: top, width: left, height: bottom - top };
  const text = belowCaption(stream);
  return { stream, text, type: largeStream, choice, rows, row, entropy, gauges };
}

function belowCaption(rect: Rect): Rect {
  return { ...rect, y: rect.y + CAPTION, height: rect.height - CAPTION };
}

/** Width of the text's column in a wide body. */
export function wideColumn(body: Rect): number {
  return Math.floor(body.width * 0.52);
}
