import type { Rotation } from "../../telemetry/protocol.gen";

/** What a rotary embedding does to each pair of elements. */
export interface Pairs {
  readonly count: number;
  /** Radians a pair turns with each position. */
  readonly frequency: Float64Array;
  /** Scales cos and sin. */
  readonly magnitude: number;
}

/**
 * Angles are linear in the position, so one frequency a pair says all. As llama.cpp computes them
 * (`ggml_rope_yarn`): base^(-2i/d) / factor, interpolated by `frequency_scale`, or a mixture of both as in YaRN
 * (Peng et al. 2023), whose attention is scaled by 1 + 0.1 ln(1 / scale) as well.
 */
export function pairsOf(rotation: Rotation): Pairs {
  const { dimensions, base, frequency_scale: scale, extrapolation, factors } = rotation;
  const count = dimensions >> 1;
  const frequency = new Float64Array(count);
  const [low, high] = ramp(rotation);
  for (let i = 0; i < count; i++) {
    const own = base ** ((-2 * i) / dimensions) / (factors.data[i] ?? 1);
    const share = 1 - Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
    const kept = share * extrapolation;
    frequency[i] = own * (scale * (1 - kept) + kept);
  }
  const yarn = extrapolation === 0 ? 1 : 1 + 0.1 * Math.log(1 / scale);
  return { count, frequency, magnitude: rotation.attention_factor * yarn };
}

/** Between these pairs YaRN goes over from the frequencies as trained to the interpolated ones. */
function ramp(rotation: Rotation): [low: number, high: number] {
  const { dimensions, beta_fast: fast, beta_slow: slow } = rotation;
  if (rotation.extrapolation === 0) return [0, 0];
  const start = Math.floor(correction(rotation, fast));
  const end = Math.ceil(correction(rotation, slow));
  return [Math.max(0, start), Math.min(dimensions - 1, end)];
}

/** The pair that turns `turns` times in the original context. */
function correction({ dimensions, base, original_context }: Rotation, turns: number): number {
  return (dimensions * Math.log(original_context / (turns * 2 * Math.PI))) / (2 * Math.log(base));
}

/** Positions after which a pair stands as before. */
export function wavelength(frequency: number): number {
  return (2 * Math.PI) / frequency;
}

/**
 * Mean of cos (or sin) of a pair over `block` positions from `first`: in closed form, so that a pair that turns
 * many times in a block comes out as the nothing that it is on average, and never as a false slow wave.
 */
export function blockMean(frequency: number, first: number, block: number, sine: boolean): number {
  const middle = frequency * (first + (block - 1) / 2);
  const half = frequency / 2;
  const denominator = block * Math.sin(half);
  const share = Math.abs(denominator) < 1e-9 ? 1 : Math.sin(block * half) / denominator;
  return share * (sine ? Math.sin(middle) : Math.cos(middle));
}
