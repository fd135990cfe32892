import { HEADING } from "../kit/heading";
import type { Rect } from "../layout";
import { size } from "../theme";
import { columnHeight, type Density, LARGE, SMALL } from "./waterfall_column";

/** Where the parts of the waterfall stand, and how many columns and candidates fit. Logical pixels. */
export interface Place {
  readonly density: Density;
  /** Columns and the entropy below them: one time axis. */
  readonly area: Rect;
  /** Top of the columns. */
  readonly top: number;
  /** From one column to the next. */
  readonly step: number;
  /** Columns that fit, the last one in part. */
  readonly visible: number;
  /** Candidates of each column. */
  readonly rows: number;
  /** The entropy's plot. */
  readonly plot: Rect;
  /** Left of the numbers of its axis. */
  readonly axis: number;
  /** The whole run. */
  readonly track: Rect;
}

const AXIS = 16;
const CAPTION = 18;
const TRACK = 8;
const LEAST_PLOT = 26;
const FEWEST = 5;
/** As many as an event holds. */
const MOST = 20;
/** Candidates of all columns together: their letters share the page's. */
const MOST_CELLS = 260;
/** A panel that is written large. */
const LARGE_WIDTH = 1000;
const LARGE_HEIGHT = 440;

export function placeOf(rect: Rect): Place {
  const { padding } = size;
  const x = rect.x + padding + AXIS;
  const width = rect.width - 2 * padding - AXIS;
  const y = rect.y + HEADING + 4;
  const bottom = rect.y + rect.height - 9;
  const track = { x, y: bottom - TRACK, width, height: TRACK };
  const height = track.y - 6 - y;
  const density = rect.width >= LARGE_WIDTH && rect.height >= LARGE_HEIGHT ? LARGE : SMALL;
  const step = width / Math.max(1, Math.round(width / density.width));
  // A quarter of a tall panel is the plot's; the rest holds as many candidates as fit.
  const plotHeight = Math.max(LEAST_PLOT, Math.round((height - CAPTION) * 0.26));
  const spare = height - CAPTION - plotHeight - columnHeight(density, 0);
  const most = Math.min(MOST, Math.floor((MOST_CELLS * step) / width));
  const rows = Math.max(FEWEST, Math.min(most, Math.floor(spare / density.row)));
  const plotTop = Math.min(y + columnHeight(density, rows) + CAPTION, track.y - 6 - LEAST_PLOT);
  const plot = { x, y: plotTop, width, height: track.y - 6 - plotTop };
  const area = { x, y, width, height: track.y - 4 - y };
  return {
    density,
    area,
    top: y,
    step,
    visible: width / step,
    rows,
    plot,
    axis: rect.x + padding - 2,
    track,
  };
}
