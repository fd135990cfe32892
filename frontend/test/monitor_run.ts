import { readFileSync } from "node:fs";
import { createState } from "../src/state/initial";
import { apply } from "../src/state/reduce";
import type { AppState } from "../src/state/state";
import type { Frame, TelemetryEvent } from "../src/telemetry/protocol.gen";

const ARRAYS = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
} as const;

/** Arrays as the decoder would have made them. */
function revive(key: string, value: unknown): unknown {
  if (key === "token_bytes") return Uint8Array.from(value as number[]);
  const array = value as { data?: number[]; shape?: number[]; dtype?: string } | null;
  if (typeof array !== "object" || !array?.dtype) return value;
  const { data, shape, dtype } = array;
  if (dtype === "u8") return { data: BigUint64Array.from(data!, BigInt), shape };
  return { data: ARRAYS[dtype as keyof typeof ARRAYS].from(data!), shape };
}

const file = new URL("./fixtures/monitor_run.json", import.meta.url);

/** A real run of SmolLM2, written by `record_monitor_run.py`. */
export const recorded = JSON.parse(readFileSync(file, "utf8"), revive) as TelemetryEvent[];

const STATE = new Set(["cache", "memory", "progress"]);

/** The page's state after `tokens` tokens of the run, one every `interval` seconds from second 1. */
export function stateAfter(tokens: number, interval = 0.05): AppState {
  const state = createState();
  state.connection = { phase: "open", retryAt: 0, message: "" };
  let seen = 0;
  for (const event of recorded) {
    if (event.kind === "token" && seen++ === tokens) break;
    const held = STATE.has(event.kind);
    const frame: Frame = {
      kind: "frame",
      number: seen,
      time: 0,
      first_seq: 0,
      events: held ? [] : [event],
      state: held ? [event] : [],
    };
    apply(state, frame, 1 + seen * interval);
  }
  return state;
}
