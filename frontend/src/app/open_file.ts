import { CheckedArchive } from "../telemetry/checked_archive";
import { FileArchive } from "../telemetry/file_archive";
import { openRecording } from "../telemetry/recording_file";
import { RecordingResources, RecordingSource } from "../telemetry/replay";
import { type Clock, ManualClock } from "./clock";
import type { Origin } from "./main";
import { openReplay } from "./open_replay";

/** A recording is unpacked whole; a larger one is no recording. */
const MOST_RECORDING_BYTES = 1 << 28;

/** A session's file, or a recording, as the page's data. Rejects with a sentence when it is neither. */
export async function openFile(file: Blob, clock: Clock): Promise<Origin> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  const gzip = head[0] === 0x1f && head[1] === 0x8b;
  if (!gzip || file.size > MOST_RECORDING_BYTES) {
    return openReplay(new CheckedArchive(await FileArchive.open(file)), true);
  }
  const recording = await openRecording(await file.arrayBuffer());
  const source = new RecordingSource(recording, clock, !(clock instanceof ManualClock));
  return { source, resources: new RecordingResources(recording) };
}
