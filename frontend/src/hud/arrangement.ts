import type { Preset } from "../state/state";

export const PRESETS: readonly Preset[] = ["monitor", "attention", "memory", "nebula", "everything"];

/** Where instruments stand: two columns beside the nebula, and a strip below it. */
export type Side = "left" | "right" | "bottom";
export const SIDES: readonly Side[] = ["left", "right", "bottom"];

/** A place for one panel: the instruments that share it as tabs, and its share of its column or strip. */
export interface Cell {
  readonly tabs: readonly string[];
  /** The instrument on show. */
  readonly active: string;
  readonly weight: number;
}

/** Which instruments stand where. Plain data: it is stored in the browser. */
export interface Arrangement {
  readonly left: readonly Cell[];
  readonly right: readonly Cell[];
  readonly bottom: readonly Cell[];
  /** Widths of the columns and height of the strip, as shares of the page. */
  readonly leftShare: number;
  readonly rightShare: number;
  readonly bottomShare: number;
}

/** Where a dragged instrument would go. */
export type Drop =
  /** The two change places. */
  | { readonly kind: "swap"; readonly with: string }
  /** It becomes another tab beside that one. */
  | { readonly kind: "join"; readonly with: string }
  /** It gets a place of its own. */
  | { readonly kind: "insert"; readonly side: Side; readonly before: number };

const cell = (weight: number, ...tabs: string[]): Cell => ({ tabs, active: tabs[0]!, weight });

const COLUMN = 416 / 1920;
const STRIP = 264 / 1080;
const SHARES = { leftShare: COLUMN, rightShare: COLUMN, bottomShare: STRIP };

/** As delivered: the page of the recipe, and its parts. */
export const ARRANGEMENTS: Readonly<Record<Preset, Arrangement>> = {
  monitor: { ...SHARES, left: [cell(1, "monitor")], right: [], bottom: [] },
  attention: {
    ...SHARES,
    rightShare: 0.4,
    left: [cell(1, "flow"), cell(1, "entropy", "rope")],
    right: [cell(1, "attention")],
    bottom: [cell(1, "waterfall")],
  },
  memory: {
    ...SHARES,
    left: [cell(562, "monitor"), cell(430, "pulse")],
    right: [cell(1, "memory"), cell(1, "entropy", "experts")],
    bottom: [cell(1, "kv"), cell(1, "rope")],
  },
  nebula: { ...SHARES, left: [], right: [], bottom: [] },
  everything: {
    ...SHARES,
    left: [cell(562, "monitor"), cell(430, "pulse", "memory")],
    right: [cell(548, "attention", "entropy"), cell(444, "flow", "rope", "experts")],
    bottom: [cell(280, "kv"), cell(740, "waterfall")],
  },
};

const SHARE_OF = { left: "leftShare", right: "rightShare", bottom: "bottomShare" } as const;

/** Every cell made anew; those left without tabs are gone. */
function map(arrangement: Arrangement, change: (cell: Cell) => Cell): Arrangement {
  const each = (cells: readonly Cell[]): Cell[] => cells.map(change).filter(({ tabs }) => tabs.length > 0);
  const { left, right, bottom } = arrangement;
  return { ...arrangement, left: each(left), right: each(right), bottom: each(bottom) };
}

/** Brings an instrument to the front of the place whose first cell is given. */
export function activated(arrangement: Arrangement, side: Side, index: number, id: string): Arrangement {
  const cells = arrangement[side].map((cell, i) => (i === index ? { ...cell, active: id } : cell));
  return { ...arrangement, [side]: cells };
}

export function contains(arrangement: Arrangement, id: string): boolean {
  return SIDES.some((side) => arrangement[side].some(({ tabs }) => tabs.includes(id)));
}

/** Puts an instrument elsewhere. One that was nowhere comes in. */
export function dropped(arrangement: Arrangement, id: string, drop: Drop): Arrangement {
  if (drop.kind === "swap") return swapped(arrangement, id, drop.with);
  if (drop.kind === "join") {
    if (drop.with === id) return arrangement;
    return map(arrangement, (cell) => {
      const others = without(cell, id);
      if (!cell.tabs.includes(drop.with)) return others;
      return { ...others, tabs: [...others.tabs, id], active: id };
    });
  }
  return inserted(arrangement, id, drop.side, drop.before);
}

/** Brings an instrument to the front of its place; one that is nowhere joins the place with the fewest tabs. */
export function shown(arrangement: Arrangement, id: string): Arrangement {
  if (contains(arrangement, id)) {
    return map(arrangement, (cell) => (cell.tabs.includes(id) ? { ...cell, active: id } : cell));
  }
  const cells = SIDES.flatMap((side) => arrangement[side]);
  const fewest = cells.toSorted((a, b) => a.tabs.length - b.tabs.length)[0];
  if (!fewest) return { ...arrangement, left: [cell(1, id)] };
  return dropped(arrangement, id, { kind: "join", with: fewest.tabs[0]! });
}

/** Takes an instrument out of the arrangement. */
export function removed(arrangement: Arrangement, id: string): Arrangement {
  return map(arrangement, (cell) => without(cell, id));
}

function without(cell: Cell, id: string): Cell {
  const tabs = cell.tabs.filter((tab) => tab !== id);
  return { ...cell, tabs, active: cell.active === id ? (tabs[0] ?? "") : cell.active };
}

function swapped(arrangement: Arrangement, a: string, b: string): Arrangement {
  const other = (id: string): string => (id === a ? b : id === b ? a : id);
  return map(arrangement, (cell) => ({
    ...cell,
    tabs: cell.tabs.map(other),
    active: other(cell.active),
  }));
}

function inserted(arrangement: Arrangement, id: string, side: Side, before: number): Arrangement {
  const cells = [...arrangement[side]];
  const weights = arrangement[side].map(({ weight }) => weight);
  const mean = weights.reduce((sum, weight) => sum + weight, 0) / Math.max(1, weights.length) || 1;
  const fresh = "\u0000";
  cells.splice(before, 0, cell(mean, fresh));
  const placed = removed({ ...arrangement, [side]: cells }, id);
  return map(placed, (at) => (at.tabs[0] === fresh ? cell(at.weight, id) : at));
}

/** Shares out a column or strip: new weights of some of its cells, by index. */
export function weighted(
  arrangement: Arrangement,
  side: Side,
  weights: ReadonlyMap<number, number>,
): Arrangement {
  const cells = arrangement[side].map((cell, i) => ({ ...cell, weight: weights.get(i) ?? cell.weight }));
  return { ...arrangement, [side]: cells };
}

/** Another width of a column or height of the strip, as a share of the page. */
export function widened(arrangement: Arrangement, side: Side, share: number): Arrangement {
  return { ...arrangement, [SHARE_OF[side]]: Math.min(0.6, Math.max(0.1, share)) };
}

/** What was stored, if it is an arrangement; nothing in it is trusted. */
export function parseArrangement(stored: unknown): Arrangement | null {
  if (typeof stored !== "object" || stored === null) return null;
  const from = stored as Record<string, unknown>;
  const seen = new Set<string>();
  const cellsOf = (value: unknown): Cell[] =>
    (Array.isArray(value) ? value.slice(0, 16) : []).flatMap(cellOf);
  const cellOf = (value: unknown): Cell[] => {
    const { tabs, active, weight } = (value ?? {}) as Partial<Cell>;
    const kept = (Array.isArray(tabs) ? tabs : []).filter(
      (id): id is string =>
        typeof id === "string" && /^[a-z_]{1,24}$/.test(id) && !seen.has(id) && !!seen.add(id),
    );
    if (kept.length === 0) return [];
    const on = typeof active === "string" && kept.includes(active) ? active : kept[0]!;
    return [{ tabs: kept, active: on, weight: positive(weight, 1) }];
  };
  return {
    left: cellsOf(from.left),
    right: cellsOf(from.right),
    bottom: cellsOf(from.bottom),
    leftShare: Math.min(0.6, positive(from.leftShare, COLUMN)),
    rightShare: Math.min(0.6, positive(from.rightShare, COLUMN)),
    bottomShare: Math.min(0.6, positive(from.bottomShare, STRIP)),
  };
}

function positive(value: unknown, otherwise: number): number {
  return typeof value === "number" && Number.isFinite(value) && value > 0 ? value : otherwise;
}
