import type { Sampling } from "../telemetry/protocol.gen";

/** A number that a person may set for a run, and the values it may take. */
export interface Field {
  readonly key: keyof Sampling | "max_tokens";
  /** As on the dock. */
  readonly label: string;
  /** For a screen reader, in full. */
  readonly name: string;
  /** One sentence. */
  readonly tip: string;
  readonly min: number;
  readonly max: number;
  readonly step: number;
  readonly digits: number;
  readonly initial: number;
  /** Word shown instead of this value. */
  readonly off?: { readonly value: number; readonly word: string };
}

export const FIELDS: readonly Field[] = [
  {
    key: "temperature",
    label: "TEMP",
    name: "Temperature",
    tip: "Flattens (above 1) or sharpens (below 1) the distribution before a token is drawn; 0 always takes the most probable.",
    min: 0,
    max: 2,
    step: 0.05,
    digits: 2,
    initial: 0.8,
    off: { value: 0, word: "greedy" },
  },
  {
    key: "top_k",
    label: "TOP-K",
    name: "Top-k",
    tip: "Keeps only the k most probable tokens; 0 keeps all.",
    min: 0,
    max: 1000,
    step: 1,
    digits: 0,
    initial: 40,
    off: { value: 0, word: "off" },
  },
  {
    key: "top_p",
    label: "TOP-P",
    name: "Top-p",
    tip: "Keeps the fewest tokens that together hold this share of the probability; 1 keeps all.",
    min: 0,
    max: 1,
    step: 0.01,
    digits: 2,
    initial: 0.95,
    off: { value: 1, word: "off" },
  },
  {
    key: "min_p",
    label: "MIN-P",
    name: "Min-p",
    tip: "Drops tokens less probable than this share of the most probable one; 0 drops none.",
    min: 0,
    max: 1,
    step: 0.01,
    digits: 2,
    initial: 0.05,
    off: { value: 0, word: "off" },
  },
  {
    key: "repeat_penalty",
    label: "REPEAT",
    name: "Repetition penalty",
    tip: "Makes tokens of the last 64 less probable when above 1; 1 leaves them alone.",
    min: 1,
    max: 2,
    step: 0.01,
    digits: 2,
    initial: 1,
    off: { value: 1, word: "off" },
  },
  {
    key: "max_tokens",
    label: "LENGTH",
    name: "Greatest number of tokens",
    tip: "Stops after this many tokens; 0 goes on until the model ends or its context is full.",
    min: 0,
    max: 100_000,
    step: 16,
    digits: 0,
    initial: 256,
    off: { value: 0, word: "full" },
  },
  {
    key: "seed",
    label: "SEED",
    name: "Seed",
    tip: "The same seed, prompt and settings give the same text; 0 draws a new seed for each run.",
    min: 0,
    max: 4_294_967_295,
    step: 1,
    digits: 0,
    initial: 0,
    off: { value: 0, word: "random" },
  },
];

/** `value` as the nearest the field may take; its initial value if it is no number at all. */
export function clampField(field: Field, value: unknown): number {
  const number = typeof value === "number" ? value : Number.NaN;
  if (!Number.isFinite(number)) return field.initial;
  const bounded = Math.min(field.max, Math.max(field.min, number));
  return Number(bounded.toFixed(field.digits));
}
