import { readFileSync } from "node:fs";
import type { TelemetryEvent } from "../src/telemetry/protocol.gen";
import { revive } from "./instrument_run";

/** Shares of the bars by NumPy, from the model file's tensors and the cache's cells. */
interface Expected {
  readonly tensor_bytes: number;
  readonly process: readonly number[];
  readonly resident_at: number;
  readonly devices: readonly (readonly number[])[];
}

const file = new URL("./fixtures/memory.json", import.meta.url);
const runs = JSON.parse(readFileSync(file, "utf8"), revive) as Record<
  "smollm2" | "gemma3",
  { events: TelemetryEvent[]; expected: Expected }
>;

/** A real run with its memory; written by `record_memory.py`. */
export const memoryRun = (name: keyof typeof runs) => runs[name];
