/** Where the attention of one query went: a weight for each position up to its own, and the sink's share. */
export interface FlowRow {
  /** Of the query. */
  readonly position: number;
  /** Positions 0 to `position`. */
  readonly weights: Float32Array;
  /** Share that went to the head's attention sink, which is no token; 0 where the model has none. */
  readonly sink: number;
}

/**
 * The row without its first token, which many heads rest on when they look at nothing in particular (Xiao et al. 2024,
 * arXiv 2309.17453): what is left is made to sum to what it did. The first row is nothing else, and stays as it is, as does one whose
 * window has left the first token behind.
 */
export function leavingOutFirst(row: FlowRow): FlowRow {
  const first = row.weights[0] ?? 0;
  let whole = row.sink;
  for (const weight of row.weights) whole += weight;
  if (row.position === 0 || first <= 0 || whole - first <= 0) return row;
  const by = whole / (whole - first);
  const weights = row.weights.map((weight, i) => (i === 0 ? 0 : weight * by));
  return { position: row.position, weights, sink: row.sink * by };
}

/** What has a ribbon of its own: a token; all the others; the sink. */
export type SourceKind = "token" | "others" | "sink";

export interface FlowSource {
  readonly kind: SourceKind;
  /** -1 for what is no token. */
  readonly position: number;
  readonly weight: number;
  readonly dominant: boolean;
  /** Tokens it stands for. */
  readonly tokens: number;
}

/** The picture in numbers. The weights of all sources sum to the row's, which is 1. */
export interface FlowModel {
  readonly position: number;
  /** Tokens of their own in the order of the text, then the others, then the sink. */
  readonly sources: readonly FlowSource[];
  /** Of the tokens that have a ribbon of their own. */
  readonly shown: number;
  /** Share of the first token where it is left out: the others are shares of what is left. 0 where it is in. */
  readonly leftOut: number;
  /** Tokens above the threshold that had no room, and stand among the others. */
  readonly crowded: number;
}

/** Thresholds to choose from. */
export const THRESHOLDS: readonly number[] = [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2];
export const DEFAULT_THRESHOLD = 0.02;

/** Sources of a row with at least `threshold`, the `most` strongest of them; the rest in one. */
export function flowModel(all: FlowRow, threshold: number, most: number, withoutFirst = false): FlowModel {
  const row = withoutFirst ? leavingOutFirst(all) : all;
  const leftOut = row === all ? 0 : all.weights[0]!;
  const { weights, position, sink } = row;
  const length = Math.min(weights.length, position + 1);
  const strongest = strongestOf(weights, length, threshold, most);
  let whole = 0;
  for (let i = 0; i < length; i++) whole += weights[i]!;
  let shown = 0;
  let dominant = -1;
  for (const i of strongest.places) {
    shown += weights[i]!;
    if (dominant < 0 || weights[i]! > weights[dominant]!) dominant = i;
  }
  const sources: FlowSource[] = strongest.places.map((at) => ({
    kind: "token",
    position: at,
    weight: weights[at]!,
    dominant: at === dominant,
    tokens: 1,
  }));
  const rest = length - strongest.places.length - (leftOut > 0 ? 1 : 0);
  if (rest > 0) {
    const weight = Math.max(0, whole - shown);
    sources.push({ kind: "others", position: -1, weight, dominant: false, tokens: rest });
  }
  if (sink > 0) sources.push({ kind: "sink", position: -1, weight: sink, dominant: false, tokens: 0 });
  return { position, sources, shown, leftOut, crowded: strongest.above - strongest.places.length };
}

/** Places of the greatest values that reach `threshold`, in order of place; of equals the later one. */
function strongestOf(
  weights: Float32Array,
  length: number,
  threshold: number,
  most: number,
): { places: number[]; above: number } {
  const places: number[] = [];
  let above = 0;
  for (let i = 0; i < length; i++) {
    const weight = weights[i]!;
    if (!(weight >= threshold) || weight === 0) continue;
    above++;
    if (places.length < most) {
      places.push(i);
      continue;
    }
    let weakest = 0;
    for (let j = 1; j < places.length; j++)
      if (weights[places[j]!]! < weights[places[weakest]!]!) weakest = j;
    if (most > 0 && weight >= weights[places[weakest]!]!) {
      places.splice(weakest, 1);
      places.push(i);
    }
  }
  return { places, above };
}

/** Where each source's ribbon begins and ends: heights in pixels, thickness proportional to the weight. */
export interface FlowPlaces {
  /** Middle of each source at the left. */
  readonly from: Float32Array;
  /** Middle of each ribbon where they come together, one on the other, a hairline apart. */
  readonly to: Float32Array;
  /** Pixels that the whole weight of 1 is thick. */
  readonly unit: number;
}

/** Between ribbons where they come together. */
export const APART = 1;

/** Most pixels for the weight of 1, in a panel of this height. */
export function thickest(height: number): number {
  return Math.min(300, height * 0.42);
}

/**
 * Spreads the sources over `height` from `top`: rows of at least `row` pixels, farther apart where ribbons are
 * thick, so that none covers another where it begins.
 */
export function placesOf({ sources }: FlowModel, top: number, height: number, row: number): FlowPlaces {
  const n = sources.length;
  let unit = thickest(height);
  const room = (by: number): number =>
    sources.reduce((sum, { weight }) => sum + Math.max(row, weight * by + 4), 0);
  for (let i = 0; i < 12 && room(unit) > height; i++) unit *= 0.85;
  const spare = Math.max(0, height - room(unit));
  // What is left over goes between the rows, but not so much that they look lost.
  const gap = n > 0 ? Math.min(spare / n, row * 1.6) : 0;
  const from = new Float32Array(n);
  const to = new Float32Array(n);
  let y = top + (spare - gap * n) / 2;
  const whole = sources.reduce((sum, { weight }) => sum + weight * unit + APART, -APART);
  let stacked = top + (height - whole) / 2;
  sources.forEach(({ weight }, i) => {
    const own = Math.max(row, weight * unit + 4) + gap;
    from[i] = y + own / 2;
    y += own;
    to[i] = stacked + (weight * unit) / 2;
    stacked += weight * unit + APART;
  });
  return { from, to, unit };
}
