import type { ModelInfo, Rotation } from "../../telemetry/protocol.gen";
import { count } from "../format";
import { type Pairs, pairsOf, wavelength } from "./rotation";

/** How the selected layer turns its queries and keys. */
export interface RopeModel {
  readonly rotation: Rotation;
  readonly pairs: Pairs;
  /** Positions after which each pair stands as before. */
  readonly wavelengths: Float64Array;
  /** Wavelengths, as shown. */
  readonly shown: readonly string[];
  /** Of the settings: name and value. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** For the heading: wordings, longest first. */
  readonly captions: readonly string[];
}

/** What stands in place of the picture: wordings, longest first. */
export type NoRope = readonly string[];

export function ropeModel(model: ModelInfo | null, layer: number): RopeModel | NoRope {
  if (!model) return ["how queries and keys turn with their position", "no model"];
  const { rope } = model;
  if (model.lacks.attention)
    return ["n/a · the model has no attention, so nothing to rotate", "n/a · no attention"];
  if (rope.kind === "none")
    return ["n/a · this model does not rotate queries and keys", "n/a · no rotary embedding"];
  const rotation = rope.rotations.find(({ layers }) => layers.data.includes(layer));
  if (!rotation || rotation.dimensions < 2) {
    return rope.rotations.length > 0
      ? [`layer ${layer} does not rotate its queries and keys; others do`, `layer ${layer} does not rotate`]
      : ["n/a · no rotation was found in this model's graph", "n/a · no rotation found"];
  }
  const pairs = pairsOf(rotation);
  const wavelengths = Float64Array.from(pairs.frequency, wavelength);
  return {
    rotation,
    pairs,
    wavelengths,
    shown: Array.from(wavelengths, tokens),
    facts: facts(model, rotation, pairs),
    captions: captions(model, rotation, layer),
  };
}

/** A wavelength: `6.28`, `412`, `51 k`. */
export function tokens(length: number): string {
  if (!Number.isFinite(length)) return "∞";
  if (length < 9.995) return length.toFixed(2);
  if (length < 99.95) return length.toFixed(1);
  if (length < 99_950) return count(length);
  return length < 999_500 ? `${(length / 1000).toFixed(0)} k` : `${(length / 1e6).toPrecision(3)} M`;
}

function facts(model: ModelInfo, rotation: Rotation, pairs: Pairs): [string, string][] {
  const out: [string, string][] = [
    ["base θ", count(rotation.base)],
    ["pairs", `${pairs.count} · ${rotation.pairing}`],
    ["scaling", scaling(model, rotation)],
  ];
  if (rotation.extrapolation !== 0)
    out.push(["YaRN ramp β", `${rotation.beta_fast} – ${rotation.beta_slow}`]);
  if (rotation.factors.data.length > 0) out.push(["factors", range(rotation.factors.data)]);
  if (Math.abs(pairs.magnitude - 1) > 1e-6) out.push(["magnitude", pairs.magnitude.toFixed(4)]);
  return out;
}

function scaling({ rope }: ModelInfo, rotation: Rotation): string {
  const by = `÷ ${Number((1 / rotation.frequency_scale).toPrecision(4))}`;
  if (rotation.extrapolation !== 0) return `YaRN ${by}`;
  if (rotation.frequency_scale !== 1) return `linear ${by}`;
  if (rotation.factors.data.length > 0)
    return rope.scaling === "none" ? "by pair" : `${rope.scaling}, by pair`;
  return "none";
}

function range(values: ArrayLike<number>): string {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    low = Math.min(low, values[i]!);
    high = Math.max(high, values[i]!);
  }
  return `÷ ${Number(low.toPrecision(3))} – ${Number(high.toPrecision(3))}`;
}

function captions(model: ModelInfo, rotation: Rotation, layer: number): string[] {
  const short = `θᵢ = p·base^(−2i/${rotation.dimensions})`;
  if (model.rope.rotations.length < 2) return [`${short} · all layers alike`, short];
  const alike = rotation.layers.data.length;
  return [
    `${short} · L${layer} and ${alike - 1} alike of ${model.n_layer}`,
    `L${layer} · ${short}`,
    `L${layer}`,
  ];
}

/** How many pairs came round by `position`, and how many never do in `context` positions. */
export function speeds(wavelengths: Float64Array, position: number, context: number): [number, number] {
  let round = 0;
  let never = 0;
  for (const length of wavelengths) {
    if (length <= position) round++;
    if (length > context) never++;
  }
  return [round, never];
}

/** A pair at a position, in words; `length` as shown. */
export function pairAt(
  pairs: Pairs,
  pair: number,
  position: number,
): { cos: number; sin: number; turns: number } {
  const angle = pairs.frequency[pair]! * position;
  return {
    cos: Math.cos(angle) * pairs.magnitude,
    sin: Math.sin(angle) * pairs.magnitude,
    turns: angle / (2 * Math.PI),
  };
}
