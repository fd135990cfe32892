import { HEADING } from "../kit/heading";
import type { Rect } from "../layout";
import { size, type TextStyle, text } from "../theme";
import { thickest } from "./flow_model";

/** Where the parts of the flow stand. Logical pixels. */
export interface FlowPlace {
  /** Mode and threshold. */
  readonly controls: Rect;
  /** From the sources to the query. */
  readonly table: Rect;
  /** Right ends of the columns for positions and weights; sources end at `left`. */
  readonly position: number;
  readonly weight: number;
  /** Where ribbons begin and end. */
  readonly left: number;
  readonly right: number;
  /** The query's box. */
  readonly target: Rect;
  /** Least height of a source's row. */
  readonly row: number;
  readonly word: TextStyle;
  readonly number: TextStyle;
}

const CONTROLS = 18;
const CAPTION = 18;
export const FOOTER = 22;
/** A panel that is written large. */
const LARGE_WIDTH = 800;
const LARGE_HEIGHT = 480;

const between = (low: number, value: number, high: number): number => Math.max(low, Math.min(value, high));

export function flowPlace(rect: Rect): FlowPlace {
  const x = rect.x + size.padding;
  const width = rect.width - 2 * size.padding;
  const controls = { x, y: rect.y + HEADING + 6, width, height: CONTROLS };
  const top = controls.y + CONTROLS + 6 + CAPTION;
  const table = { x, y: top, width, height: rect.y + rect.height - FOOTER - 10 - top };
  const large = rect.width >= LARGE_WIDTH && table.height >= LARGE_HEIGHT;
  const position = x + (large ? 40 : 26);
  const weight = position + (large ? 60 : 46);
  const names = Math.round(between(60, width * 0.22, large ? 240 : 170));
  const left = weight + names + (large ? 24 : 18);
  const box = Math.round(between(78, width * 0.22, large ? 240 : 180));
  const height = Math.round(Math.min(Math.max(76, thickest(table.height) + 18), table.height));
  const y = Math.round(table.y + (table.height - height) / 2);
  const target = { x: x + width - box, y, width: box, height };
  return {
    controls,
    table,
    position,
    weight,
    left,
    right: target.x,
    target,
    row: large ? 28 : 17,
    word: large ? { ...text.largeToken, size: 15 } : text.token,
    number: large ? text.largeToken : text.data,
  };
}
