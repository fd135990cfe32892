import { floatToHalf } from "../../telemetry/half";
import { HEAT_EDGE, type HeatRegion, type HeatStore } from "../heat_store";
import { blockMean, type Pairs } from "./rotation";

/** Columns of the map; more positions than that share them. */
export const MAP_COLUMNS = 512;
/** Rows of the map; pairs of a wider head are left out beyond that. */
export const MAP_ROWS = 256;
export const LEAST_SPAN = 64;
/** -1 to 1 as 0 to this, then through the ramp by this power: white is kept for now, and the slow pairs do not glare. */
const BRIGHTEST = 0.82;
export const MAP_GAMMA = 1.5;

/** Which positions the map shows: `span` of them, a power of two, from `start`, `block` to a column. */
export interface Window {
  readonly start: number;
  readonly span: number;
  readonly columns: number;
  readonly block: number;
}

/** The fewest positions that hold all so far and as many again, or `span` of them, round `centre`. */
export function windowOf(position: number, context: number, span: number, start: number): Window {
  const most = 2 ** Math.ceil(Math.log2(Math.max(context, LEAST_SPAN)));
  const own = span || 2 ** Math.ceil(Math.log2(Math.max((position + 1) * 1.25, LEAST_SPAN)));
  const kept = Math.min(Math.max(own, LEAST_SPAN), most);
  const from = Math.min(Math.max(0, Math.round(start)), Math.max(0, most - kept));
  const columns = Math.min(kept, MAP_COLUMNS);
  return { start: from, span: kept, columns, block: kept / columns };
}

/** Writes cos or sin of every pair at every position of the window, as `shade` has them. Returns the rows. */
export function writeMap(
  store: HeatStore,
  region: HeatRegion,
  pairs: Pairs,
  { start, columns, block }: Window,
  sine: boolean,
): number {
  const rows = Math.min(pairs.count, region.height);
  for (let row = 0; row < rows; row++) {
    const frequency = pairs.frequency[row]!;
    const to = (region.y + row) * HEAT_EDGE + region.x;
    for (let column = 0; column < columns; column++) {
      const value = blockMean(frequency, start + column * block, block, sine);
      store.values[to + column] = shade(value);
    }
  }
  store.touch(region, 0, rows);
  return rows;
}

/** Half-float bits of a cos or sin. */
export function shade(value: number): number {
  return floatToHalf(Math.min(Math.max(0.5 + value / 2, 0), 1) * BRIGHTEST);
}
