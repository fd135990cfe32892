import type { Connection } from "../state/state";
import type { Command, Message } from "./protocol.gen";

/** Where frames come from: a live server, or a recording. */
export interface FrameSource {
  start(sink: (message: Message) => void, status: (connection: Connection) => void): void;
  send(command: Command): void;
  /** Ends a wait for the next attempt at once. */
  retryNow(): void;
  close(): void;
}
