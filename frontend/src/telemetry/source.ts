import type { Connection } from "../state/state";
import type { Command, Message } from "./protocol.gen";
import type { RecordingSource } from "./replay";

/** Where frames come from: a live server, or a recording. */
export interface FrameSource {
  start(sink: (message: Message) => void, status: (connection: Connection) => void): void;
  send(command: Command): void;
  /** Ends a wait for the next attempt at once. */
  retryNow(): void;
  close(): void;
}

/** The source as a recording; null for any other. Does not load a recording's code. */
export function recordingOf(source: FrameSource): RecordingSource | null {
  return "nextTime" in source ? (source as RecordingSource) : null;
}
