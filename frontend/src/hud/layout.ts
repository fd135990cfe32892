import type { ViewMode } from "../state/state";
import { ARRANGEMENTS, type Arrangement, SIDES, type Side } from "./arrangement";
import { fillColumn, fillStrip, merged, type Place, panelOf, placesOf, snap, strip } from "./layout_places";
import type { Rect } from "./rect";
import { size } from "./theme";

export { contains, inset, type Rect } from "./rect";

/** A panel on show. */
export interface Panel {
  /** Of the instrument. */
  readonly id: string;
  readonly rect: Rect;
  /** All instruments of this place, itself among them; one alone has no tabs. */
  readonly tabs: readonly string[];
  /** Where its tabs stand, above it; null without tabs. */
  readonly strip: Rect | null;
  /** Which cells of the arrangement it stands for; a small window puts several into one. */
  readonly side: Side;
  readonly first: number;
  readonly focused: boolean;
}

/** Between two neighbours: dragging it changes how they share their room. */
export interface Divider {
  readonly rect: Rect;
  readonly side: Side;
  /** The cell before it; -1 is the side's edge towards the nebula. */
  readonly after: number;
  /** Logical pixels that the whole side, or page, has. */
  readonly whole: number;
  readonly vertical: boolean;
}

/** Where everything stands. A null is not on show in this view. */
export interface Layout {
  readonly width: number;
  readonly height: number;
  readonly header: Rect | null;
  readonly panels: readonly Panel[];
  readonly dividers: readonly Divider[];
  /** What the instruments leave to the nebula, which itself fills the whole page. */
  readonly nebula: Rect | null;
  /** For the page's own controls: prompt, sampling, transport. Null in a picture, which has none. */
  readonly controls: Rect | null;
  /** The controls are one line, and open over the nebula when they are used. */
  readonly compact: boolean;
  /** The run from its beginning to its end, along the lower edge. */
  readonly timeline: Rect | null;
}

/** What there is to place. */
export interface Contents {
  readonly view: ViewMode;
  readonly arrangement: Arrangement;
  /** The instrument that fills the screen. */
  readonly focus: string | null;
  /** The timeline is on show. */
  readonly timeline?: boolean;
  /** False: a picture without the page's controls, which leaves them no room. */
  readonly controls?: boolean;
  /** Least size of an instrument; null for one that there is not, or that has nothing to show. */
  minimum(id: string): { readonly width: number; readonly height: number } | null;
}

/** Below this width there is one column. */
const ONE_COLUMN = 1240;
/** Below this width everything stands in one stack: controls beside a column would have no room. */
const STACK = 1000;
/** Below this height the stack lies down: a phone on its side. */
const LOW = 560;
/** The nebula's share of a stack. */
const SKY = 0.3;
const DOCK = 112;
const NARROW_DOCK = 156;
/** Below this width the sampler has a row of its own (dock.css: 22 less, for padding and border). */
const ROOMY_DOCK = 1212;
const LINE_DOCK = 46;
const WIDEST_DOCK = 1220;
const TIMELINE = 60;
/** A window less high than this has no room for a timeline. */
const LEAST_HEIGHT = 480;
/** The nebula's least share of what the columns and the strip may take. */
const LEAST_NEBULA = 240;

const between = (low: number, value: number, high: number): number => Math.max(low, Math.min(value, high));

/**
 * Enlarges the whole page on very large screens of plain pixels, so that captions stay legible from afar: lay out
 * `width / scale` x `height / scale` and multiply the device-pixel ratio by it. In quarters, and never to less
 * room than 1920 x 1080: a window on such a screen is a little smaller than the screen.
 */
export function interfaceScale(width: number, height: number): number {
  const fits = Math.min(width / 1920, height / 1080);
  return Math.min(Math.max(Math.floor(4 * fits) / 4, 1), 2);
}

/** Places the page, from a phone to 3840 x 2160 logical pixels, on a 4-pixel grid. */
export function layout(width: number, height: number, contents: Contents): Layout {
  if (!contents.timeline || height < LEAST_HEIGHT)
    return { ...placedAbove(width, height, contents), timeline: null };
  const { margin, gutter } = size;
  const placed = placedAbove(width, height - TIMELINE - gutter, contents);
  const { x, width: wide } = placed.header ?? { x: margin, width: width - 2 * margin };
  const timeline = { x, y: height - margin - TIMELINE, width: wide, height: TIMELINE };
  return { ...placed, height, timeline };
}

type Placed = Omit<Layout, "timeline">;
type Above = Placed & { readonly controls: Rect };

function placedAbove(width: number, height: number, contents: Contents): Placed {
  const placed = above(width, height, contents);
  return contents.controls === false ? { ...placed, controls: null } : placed;
}

/** Height of controls that are not on one line. */
function dockHeight(width: number): number {
  return width < ROOMY_DOCK ? NARROW_DOCK : DOCK;
}

/** Height that the controls take; where there are none, they take not even the gap above them. */
function dockOf(height: number, gutter: number, { controls = true }: Contents): number {
  return controls ? height : -gutter;
}

/** All that stands above the timeline. */
function above(width: number, height: number, contents: Contents): Above {
  if (contents.view === "nebula") return nebulaAlone(width, height);
  if (contents.focus !== null && contents.minimum(contents.focus)) {
    return focused(width, height, contents.focus, contents);
  }
  if (width < STACK) return stacked(width, height, contents);
  return cockpit(width, height, contents);
}

function nebulaAlone(width: number, height: number): Above {
  const wide = snap(Math.min(width - 2 * size.margin, WIDEST_DOCK));
  const dock = dockHeight(wide);
  const y = height - size.margin - dock;
  const controls = { x: Math.floor((width - wide) / 2), y, width: wide, height: dock };
  const nebula = { x: 0, y: 0, width, height };
  const nothing = { header: null, panels: [], dividers: [], compact: false };
  return { ...nothing, width, height, nebula, controls };
}

/** One instrument over the whole page, the nebula faint behind it. */
function focused(width: number, height: number, id: string, contents: Contents): Above {
  const { margin, gutter } = size;
  const top = size.header + gutter;
  const dock = dockOf(LINE_DOCK, gutter, contents);
  const controls = { x: margin, y: height - margin - dock, width: width - 2 * margin, height: dock };
  const rect = { x: margin, y: top, width: controls.width, height: controls.y - gutter - top };
  const panel = { id, rect, tabs: [id], strip: null, side: "left", first: 0, focused: true } as const;
  const header = { x: margin, y: 0, width: controls.width, height: size.header };
  return { width, height, header, panels: [panel], dividers: [], nebula: null, controls, compact: true };
}

/** A phone or a tablet: the nebula above, one instrument below, the others as its tabs; on its side, side by side. */
function stacked(width: number, height: number, contents: Contents): Above {
  const margin = size.margin / 2;
  const gutter = size.gutter / 2;
  const inside = width - 2 * margin;
  const header = { x: margin, y: 0, width: inside, height: size.header };
  const top = size.header + gutter;
  const dock = dockOf(LINE_DOCK, gutter, contents);
  const controls = { x: margin, y: height - margin - dock, width: inside, height: dock };
  const places = merged(allPlaces(contents), Number.NEGATIVE_INFINITY, "height");
  const all = { x: margin, y: top, width: inside, height: controls.y - gutter - top };
  const share = contents.view === "hud" ? 0 : places.length > 0 ? SKY : 1;
  const [nebula, area] = height < LOW ? beside(all, share, gutter) : over(all, share, gutter);
  const panels = places.map((place) => panelOf(place, area));
  return { width, height, header, panels, dividers: [], nebula, controls, compact: true };
}

/** Those of all sides, for one column. */
function allPlaces(contents: Contents): Place[] {
  return SIDES.flatMap((side) => placesOf(side, contents));
}

/** The nebula's share of `all` above what is left. */
function over(all: Rect, share: number, gutter: number): [nebula: Rect | null, rest: Rect] {
  const sky = snap(all.height * share);
  if (sky <= 0) return [null, all];
  const rest = { ...all, y: all.y + sky + gutter, height: all.height - sky - gutter };
  return [{ ...all, height: sky }, rest];
}

/** The nebula's share of `all` to the right of what is left. */
function beside(all: Rect, share: number, gutter: number): [nebula: Rect | null, rest: Rect] {
  const sky = snap(all.width * (share < 1 ? share * 1.4 : 1));
  if (sky <= 0) return [null, all];
  const rest = { ...all, width: all.width - sky - gutter };
  return [{ ...all, x: all.x + rest.width + gutter, width: sky }, rest];
}

/** Columns left and right, a strip below, the nebula in the middle. */
function cockpit(width: number, height: number, contents: Contents): Above {
  const { margin, gutter } = size;
  const { arrangement, view } = contents;
  const top = size.header + gutter;
  const end = height - margin;
  const inside = width - 2 * margin;
  const header = { x: margin, y: 0, width: inside, height: size.header };
  const single = width < ONE_COLUMN;
  let left = single ? allPlaces(contents) : placesOf("left", contents);
  let right = single ? [] : placesOf("right", contents);
  const bottom = single ? [] : placesOf("bottom", contents);
  // Without the nebula, its room goes to the strip; without a strip, to the columns.
  const open = view === "hud";
  const wide = open && bottom.length === 0;
  const heightIn = (room: number) =>
    dockOf(bottom.length > 0 ? LINE_DOCK : dockHeight(room), gutter, contents);
  const sideDock = wide ? heightIn(inside) + gutter : 0;
  left = merged(left, end - sideDock - top, "height");
  right = merged(right, end - sideDock - top, "height");
  const split = left.length > 0 && right.length > 0;
  let leftWidth = left.length > 0 ? columnWidth(width, arrangement.leftShare, left) : 0;
  let rightWidth = right.length > 0 ? columnWidth(width, arrangement.rightShare, right) : 0;
  if (wide && split) leftWidth = snap((inside - gutter) / 2);
  if (wide && split) rightWidth = inside - gutter - leftWidth;
  if (wide && !split) leftWidth = left.length > 0 ? inside : 0;
  if (wide && !split) rightWidth = right.length > 0 ? inside : 0;
  const middleX = margin + (leftWidth > 0 ? leftWidth + gutter : 0);
  const middleEnd = width - margin - (rightWidth > 0 ? rightWidth + gutter : 0);
  const middle = middleEnd - middleX;
  const dock = heightIn(wide ? inside : middle);

  const panels: Panel[] = [];
  const dividers: Divider[] = [];
  const columnEnd = end - sideDock;
  const leftArea = { x: margin, y: top, width: leftWidth, height: columnEnd - top };
  const rightArea = { x: width - margin - rightWidth, y: top, width: rightWidth, height: columnEnd - top };
  fillColumn(left, leftArea, panels, dividers);
  fillColumn(right, rightArea, panels, dividers);
  if (wide) {
    const controls = { x: margin, y: end - dock, width: inside, height: dock };
    return { width, height, header, panels, dividers, nebula: null, controls, compact: false };
  }

  const tall = bottom.length > 0 ? stripHeight(height, arrangement.bottomShare, bottom) : 0;
  const stripTop = open ? top + dock + gutter : end - tall;
  if (bottom.length > 0) {
    const strip = { x: middleX, y: stripTop, width: middle, height: end - stripTop };
    fillStrip(merged(bottom, middle, "width"), strip, panels, dividers);
  }
  const dockEnd = bottom.length > 0 ? stripTop - gutter : end;
  const controls = { x: middleX, y: dockEnd - dock, width: middle, height: dock };
  const sky = controls.y - gutter - top;
  const nebula = open ? null : { x: middleX, y: top, width: middle, height: sky };
  addEdges(dividers, leftArea, rightArea, middleX, stripTop, middle, tall > 0 && !open, width, height);
  return { width, height, header, panels, dividers, nebula, controls, compact: bottom.length > 0 };
}

/** The edges of columns and strip towards the nebula. */
function addEdges(
  dividers: Divider[],
  left: Rect,
  right: Rect,
  middleX: number,
  stripTop: number,
  middle: number,
  strip: boolean,
  width: number,
  height: number,
): void {
  const { gutter } = size;
  const after = -1;
  if (left.width > 0) {
    const rect = { x: left.x + left.width, y: left.y, width: gutter, height: left.height };
    dividers.push({ rect, side: "left", after, whole: width, vertical: true });
  }
  if (right.width > 0) {
    const rect = { x: right.x - gutter, y: right.y, width: gutter, height: right.height };
    dividers.push({ rect, side: "right", after, whole: width, vertical: true });
  }
  if (strip) {
    const rect = { x: middleX, y: stripTop - gutter, width: middle, height: gutter };
    dividers.push({ rect, side: "bottom", after, whole: height, vertical: false });
  }
}

/** Width of a side column: 416 at 1920, and enough for a line of text at 1024. */
function columnWidth(width: number, share: number, places: readonly Place[]): number {
  const least = Math.max(352, ...places.map((place) => place.least.width));
  const most = Math.max(least, Math.min(0.6 * width, (width - LEAST_NEBULA) / 2));
  return snap(between(Math.min(least, most), width * share, most));
}

function stripHeight(height: number, share: number, places: readonly Place[]): number {
  const least = Math.max(120, ...places.map((place) => place.least.height + strip(place)));
  return snap(between(Math.min(least, 0.5 * height), height * share, 0.62 * height));
}

/** The monitor beside the nebula and nothing else, as tests and pictures want it. */
export function monitorLayout(width: number, height: number, view: ViewMode): Layout {
  const minimum = (id: string) => (id === "monitor" ? { width: 352, height: 380 } : null);
  return layout(width, height, { view, arrangement: ARRANGEMENTS.monitor, focus: null, minimum });
}
