import type { Preset } from "../state/state";

export const PRESETS: readonly Preset[] = ["monitor", "attention", "memory", "nebula", "everything"];

/** Where instruments stand: two columns beside the nebula, and a strip below it. */
export type Side = "left" | "right" | "bottom";
export const SIDES: readonly Side[] = ["left", "right", "bottom"];

/** A place for one panel: the instruments that share it as tabs, and its share of its column or strip. */
export interface Cell {
  readonly tabs: readonly string[];
  /** The instrument on show, if it is available. */
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

const cell = (weight: number, ...tabs: string[]): Cell => ({ tabs, active: tabs[0]!, weight });

const COLUMN = 416 / 1920;
const STRIP = 264 / 1080;
const sides = { leftShare: COLUMN, rightShare: COLUMN, bottomShare: STRIP };

/** The page of the recipe, and its parts. */
export const ARRANGEMENTS: Readonly<Record<Preset, Arrangement>> = {
  monitor: { ...sides, left: [cell(1, "monitor")], right: [], bottom: [] },
  attention: {
    ...sides,
    rightShare: 0.36,
    left: [cell(0.5, "flow"), cell(0.5, "entropy", "rope")],
    right: [cell(1, "attention")],
    bottom: [cell(1, "waterfall")],
  },
  memory: {
    ...sides,
    left: [cell(562, "monitor"), cell(430, "pulse")],
    right: [cell(0.5, "kv"), cell(0.5, "memory")],
    bottom: [cell(0.5, "rope"), cell(0.5, "experts", "entropy")],
  },
  nebula: { ...sides, left: [], right: [], bottom: [] },
  everything: {
    ...sides,
    left: [cell(562, "monitor"), cell(430, "pulse", "memory")],
    right: [cell(548, "attention", "entropy"), cell(444, "flow", "rope", "experts")],
    bottom: [cell(280, "kv"), cell(740, "waterfall")],
  },
};
