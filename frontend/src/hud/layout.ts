import type { ViewMode } from "../state/state";
import { size } from "./theme";

/** Logical pixels. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where everything stands. A null is not on show in this view. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly header: Rect | null;
  readonly monitor: Rect | null;
  /** What the instruments leave to the nebula, which itself fills the whole page. */
  readonly nebula: Rect | null;
  /** For the page's own controls: prompt, sampling, transport. */
  readonly controls: Rect;
}

const NARROW = 1400;
const DOCK = 112;
const NARROW_DOCK = 156;
const WIDEST_DOCK = 1180;

const snap = (value: number): number => Math.round(value / size.grid) * size.grid;
const between = (low: number, value: number, high: number): number => Math.min(Math.max(value, low), high);

/** Width of a side column: 416 at 1920, and enough for a line of text at 1024. */
function columnWidth(width: number): number {
  return snap(between(352, width * (416 / 1920), 560));
}

/**
 * Enlarges the whole page on very large screens of plain pixels, so that captions stay legible from afar: lay out
 * `width / scale` x `height / scale` and multiply the device-pixel ratio by it.
 */
export function interfaceScale(width: number, height: number): number {
  const fits = Math.min(width / 1920, height / 1080);
  return fits >= 2 ? 2 : fits >= 1.5 ? 1.5 : 1;
}

/** Places the page, from 1024 x 640 to 3840 x 2160 logical pixels, on a 4-pixel grid. */
export function layout(width: number, height: number, view: ViewMode): Layout {
  const { margin, gutter } = size;
  const dock = width < NARROW ? NARROW_DOCK : DOCK;
  const bottom = height - margin;
  if (view === "nebula") {
    const wide = snap(Math.min(width - 2 * margin, WIDEST_DOCK));
    const controls = { x: Math.floor((width - wide) / 2), y: bottom - dock, width: wide, height: dock };
    const nebula = { x: 0, y: 0, width, height };
    return { width, height, header: null, monitor: null, nebula, controls };
  }
  const top = size.header + gutter;
  const header = { x: margin, y: 0, width: width - 2 * margin, height: size.header };
  const column = columnWidth(width);
  const rest = margin + column + gutter;
  const controls = { x: rest, y: bottom - dock, width: width - margin - rest, height: dock };
  if (view === "hud") {
    const full = { x: margin, y: bottom - dock, width: width - 2 * margin, height: dock };
    const monitor = { x: margin, y: top, width: width - 2 * margin, height: full.y - gutter - top };
    return { width, height, header, monitor, nebula: null, controls: full };
  }
  const monitor = { x: margin, y: top, width: column, height: bottom - top };
  const nebula = { x: rest, y: top, width: controls.width, height: controls.y - gutter - top };
  return { width, height, header, monitor, nebula, controls };
}

/** A rectangle made smaller by `by` on every side. */
export function inset(rect: Rect, by: number): Rect {
  return { x: rect.x + by, y: rect.y + by, width: rect.width - 2 * by, height: rect.height - 2 * by };
}
