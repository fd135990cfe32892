import type { ExpertRouting } from "../../telemetry/protocol.gen";
import { count, niceCeiling } from "../format";

/** An expert that this token went through. */
export interface Chosen {
  readonly expert: number;
  /** As applied to its output. */
  readonly weight: number;
  /** As the router gave it: a probability, or for some architectures a logit. */
  readonly router: number;
}

/** How evenly a layer's experts were used since the run began. */
export interface Load {
  /** Of all choices, by expert; they sum to 1. */
  readonly shares: Float32Array;
  readonly counts: Uint32Array;
  /** Tokens that went through the layer. Of a prompt, the last layer computes its last token alone. */
  readonly tokens: number;
  /** Standard deviation of the counts by their mean; 0 is perfectly even. */
  readonly variation: number;
  /** What it would be if each token chose its experts by lot: below it nothing can be said. */
  readonly chance: number;
  /** Experts that no token chose. */
  readonly unused: number;
}

/** The router of every layer, at one position. */
export interface ExpertsModel {
  readonly position: number;
  readonly layers: Uint16Array;
  readonly experts: number;
  /** Experts for each token. */
  readonly used: number;
  /** f4[M, E] Weight of each expert for this token; 0 where it was not chosen. */
  readonly weights: Float32Array;
  /** End of the weights' scale. */
  readonly top: number;
  /** By row; null where the counts were not recorded. */
  readonly loads: readonly Load[] | null;
  /** By row, the greatest weight first. */
  readonly chosen: readonly (readonly Chosen[])[];
  /** For the heading: wordings, longest first. */
  readonly captions: readonly string[];
}

export function expertsModel(routing: ExpertRouting): ExpertsModel {
  const layers = routing.layer.data;
  const experts = routing.probabilities.shape[1] ?? 0;
  const used = routing.chosen.shape[1] ?? 0;
  const weights = new Float32Array(layers.length * experts);
  let most = 0;
  const chosen: Chosen[][] = [];
  for (let row = 0; row < layers.length; row++) {
    const own: Chosen[] = [];
    for (let i = 0; i < used; i++) {
      const expert = routing.chosen.data[row * used + i]!;
      const weight = routing.weights.data[row * used + i]!;
      if (expert < 0 || expert >= experts) continue;
      weights[row * experts + expert] = weight;
      most = Math.max(most, weight);
      own.push({ expert, weight, router: routing.probabilities.data[row * experts + expert]! });
    }
    chosen.push(own.sort((a, b) => b.weight - a.weight));
  }
  const counts = routing.counts.data;
  const counted = counts.length === weights.length && counts.length > 0;
  const loads = counted
    ? chosen.map((_, row) => load(counts.subarray(row * experts, (row + 1) * experts), used))
    : null;
  const each = `${used} of ${experts} experts a token`;
  return {
    position: routing.position,
    layers,
    experts,
    used,
    weights,
    top: most <= 1 ? 1 : niceCeiling(most),
    loads,
    chosen,
    captions: [`position ${count(routing.position)} · ${each} · ${layers.length} layers`, each],
  };
}

export function load(counts: Uint32Array, used: number): Load {
  const experts = counts.length;
  let sum = 0;
  let unused = 0;
  for (const value of counts) {
    sum += value;
    if (value === 0) unused++;
  }
  const mean = sum / experts;
  let squares = 0;
  for (const value of counts) squares += (value - mean) ** 2;
  const tokens = used > 0 ? sum / used : 0;
  const q = used / experts;
  return {
    shares: Float32Array.from(counts, (value) => (sum > 0 ? value / sum : 0)),
    counts,
    tokens,
    variation: mean > 0 ? Math.sqrt(squares / experts) / mean : 0,
    // A binomial's: n tokens, each choosing an expert with probability q.
    chance: tokens > 0 ? Math.sqrt((1 - q) / (tokens * q)) : 0,
    unused,
  };
}

/** The row of a layer; of the next one that has experts, where it has none itself. */
export function rowOf({ layers }: ExpertsModel, layer: number): number {
  for (let row = 0; row < layers.length; row++) if (layers[row]! >= layer) return row;
  return layers.length - 1;
}
