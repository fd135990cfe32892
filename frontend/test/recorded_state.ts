import { readFileSync } from "node:fs";
import { ManualClock } from "../src/app/clock";
import { createState } from "../src/state/initial";
import { apply } from "../src/state/reduce";
import type { AppState } from "../src/state/state";
import { openRecording } from "../src/telemetry/recording_file";
import { RecordingSource } from "../src/telemetry/replay";

const FILE = new URL("../../playwright/fixtures/smollm2.chamber", import.meta.url);

/** The page's state at the end of the recorded run that the pictures are of, with the model's vocabulary. */
export async function recordedState(): Promise<AppState> {
  const { buffer, byteOffset, byteLength } = readFileSync(FILE);
  const recording = await openRecording(buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer);
  const state = createState();
  const source = new RecordingSource(recording, new ManualClock(), false);
  source.start(
    (message) => apply(state, message, 1),
    () => {},
  );
  while (source.feed());
  state.vocabulary = recording.vocabulary;
  return state;
}
