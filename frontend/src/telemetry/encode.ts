import { Encoder } from "@msgpack/msgpack";
import type { Command } from "./protocol.gen";

const encoder = new Encoder({ ignoreUndefined: true });

/** A command as the bytes of one WebSocket message. */
export function encodeCommand(command: Command): Uint8Array<ArrayBuffer> {
  return encoder.encode(command);
}
