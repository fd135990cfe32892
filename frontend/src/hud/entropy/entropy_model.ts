import type { HeadSummary, ModelInfo } from "../../telemetry/protocol.gen";
import { count, percent, probability } from "../format";

/** A head that stands out, and how a list writes it. */
export interface Standout {
  readonly layer: number;
  readonly head: number;
  readonly name: string;
  /** Nats. */
  readonly entropy: number;
  /** Of the most there can be, 0 to 1. */
  readonly share: number;
  readonly shareShown: string;
  /** Position of the strongest key. */
  readonly peak: number;
  readonly peakShown: string;
  readonly peakWeight: number;
  readonly weightShown: string;
}

/** Attention entropy of every head, at one position. */
export interface EntropyModel {
  readonly position: number;
  readonly layers: number;
  readonly heads: number;
  /** Nats, layer by layer; NaN where a layer lacks the head. */
  readonly nats: Float32Array;
  /** Of the most there can be in that layer, 0 to 1. */
  readonly share: Float32Array;
  /** Nats: ln of the keys that each layer's query sees. */
  readonly most: Float64Array;
  /** Nats: ln of the context, the end of the scale in nats. */
  readonly top: number;
  readonly peak: Uint32Array;
  readonly peakWeight: Float32Array;
  readonly sink: Float32Array;
  /** Those that give most to one token first. */
  readonly sharpest: readonly Standout[];
  /** The widest heads first. */
  readonly widest: readonly Standout[];
  /** Heads that give this share to one token, or come this near to looking at all alike. */
  readonly focused: number;
  readonly even: number;
  readonly known: number;
  /** For the heading: wordings, longest first. */
  readonly captions: readonly string[];
}

/** From here on a head looks "at one token only", or "at everything". */
export const ONE_TOKEN = 0.9;
export const EVERYTHING = 0.9;

/** Keys that a layer's query at `position` sees. */
export function visibleKeys(model: ModelInfo | null, layer: number, position: number): number {
  const window = model?.windows.data[layer] ?? 0;
  return window > 0 ? Math.min(window, position + 1) : position + 1;
}

/** @param listed heads in either list at most. */
export function entropyModel(summary: HeadSummary, model: ModelInfo | null, listed: number): EntropyModel {
  const [layers = 0, heads = 0] = summary.entropy.shape;
  const { position } = summary;
  const most = Float64Array.from({ length: layers }, (_, layer) =>
    Math.log(visibleKeys(model, layer, position)),
  );
  const nats = summary.entropy.data;
  const share = new Float32Array(nats.length);
  let focused = 0;
  let even = 0;
  let known = 0;
  const order: number[] = [];
  for (let i = 0; i < nats.length; i++) {
    share[i] = shareOf(nats[i]!, most[Math.floor(i / heads)]!);
    if (Number.isNaN(nats[i]!)) continue;
    known++;
    order.push(i);
    if (summary.peak_weight.data[i]! >= ONE_TOKEN) focused++;
    if (share[i]! >= EVERYTHING && most[Math.floor(i / heads)]! > 0) even++;
  }
  // Ties, and heads that see one key alone, stay in the model's order.
  order.sort((a, b) => share[a]! - share[b]! || a - b);
  const peaks = summary.peak_weight.data;
  const byPeak = [...order].sort((a, b) => peaks[b]! - peaks[a]!);
  const standout = (i: number): Standout => standoutOf(summary, heads, i, share[i]!);
  return {
    position,
    layers,
    heads,
    nats,
    share,
    most,
    top: Math.log(Math.max(model?.n_ctx ?? position + 1, 2)),
    peak: summary.peak.data,
    peakWeight: summary.peak_weight.data,
    sink: summary.sink.data,
    sharpest: byPeak.slice(0, listed).map(standout),
    widest: order.reverse().slice(0, listed).map(standout),
    focused,
    even,
    known,
    captions: captions(position, most),
  };
}

function standoutOf(summary: HeadSummary, heads: number, i: number, share: number): Standout {
  const layer = Math.floor(i / heads);
  const head = i % heads;
  const peak = summary.peak.data[i]!;
  const peakWeight = summary.peak_weight.data[i]!;
  return {
    layer,
    head,
    name: `L${layer}·H${head}`,
    entropy: summary.entropy.data[i]!,
    share,
    shareShown: percent(share),
    peak,
    peakShown: String(peak),
    peakWeight,
    weightShown: probability(peakWeight),
  };
}

/** With one key alone there is nothing to choose: the entropy is 0 of 0, and counts as focused. */
export function shareOf(nats: number, most: number): number {
  if (Number.isNaN(nats)) return Number.NaN;
  return most > 0 ? Math.min(Math.max(nats / most, 0), 1) : 0;
}

function captions(position: number, most: Float64Array): string[] {
  const high = Math.max(...most);
  const n = Math.round(Math.exp(high));
  const windowed = most.some((value) => value < high - 1e-9);
  const scale = `max ln ${count(n)} = ${high.toFixed(2)} nats`;
  const at = `position ${count(position)}`;
  return [windowed ? `${at} · ${scale}, less in windowed layers` : `${at} · ${scale}`, scale, at];
}

/** How bright a cell is, before the ramp: focused is bright. The scale is named on the panel. */
export function brightness(model: EntropyModel, i: number, inNats: boolean): number {
  const value = inNats ? model.nats[i]! / model.top : model.share[i]!;
  return Number.isNaN(value) ? value : Math.min(Math.max(1 - value, 0), 1);
}
