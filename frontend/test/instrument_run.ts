import { readFileSync } from "node:fs";
import { createState } from "../src/state/initial";
import { apply } from "../src/state/reduce";
import type { AppState } from "../src/state/state";
import { floatToHalf } from "../src/telemetry/half";
import type { Frame, TelemetryEvent } from "../src/telemetry/protocol.gen";

const ARRAYS = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  f8: Float64Array,
};

/** Arrays as the decoder would have made them; JSON's null is NaN. */
export function revive(key: string, value: unknown): unknown {
  if (key === "token_bytes") return Uint8Array.from(value as number[]);
  const array = value as { data?: (number | null)[]; shape?: number[]; dtype?: string } | null;
  if (typeof array !== "object" || !array?.dtype) return value;
  const { shape, dtype } = array;
  const data = array.data!.map((item) => item ?? Number.NaN);
  if (dtype === "u8") return { data: BigUint64Array.from(data, BigInt), shape };
  if (dtype === "f2") return { data: Uint16Array.from(data, floatToHalf), shape };
  return { data: ARRAYS[dtype as keyof typeof ARRAYS].from(data), shape };
}

interface Expected {
  readonly places: { readonly data: Float64Array };
  readonly strong: readonly number[][];
  readonly focus: { readonly data: Float64Array };
  readonly key_bytes_used: { readonly data: Float64Array };
  readonly value_bytes_used: { readonly data: Float64Array };
  readonly attention: { readonly data: Float32Array };
}

/** "rotating" is gemma3 with more tokens than its windowed layers have cells, so that the first ones are taken again. */
export type RunName = "smollm2" | "gemma3" | "gpt_oss" | "mamba" | "mixtral" | "rotating";

/** A real run with every kind of state, and what NumPy makes of it; written by `record_instruments.py`. */
export function instrumentRun(name: RunName): { events: TelemetryEvent[]; expected: Expected } {
  const file = new URL(`./fixtures/instruments_${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(file, "utf8"), revive);
}

/** The page's state at the end of a run, its tokens one every `interval` seconds from second 1. */
export function stateOf(events: readonly TelemetryEvent[], interval = 0.05): AppState {
  const state = createState();
  state.connection = { phase: "open", retryAt: 0, message: "" };
  let tokens = 0;
  for (const event of events) {
    if (event.kind === "token") tokens++;
    const frame: Frame = { kind: "frame", number: 0, time: 0, first_seq: 0, events: [event], state: [] };
    apply(state, frame, 1 + tokens * interval);
  }
  return state;
}
