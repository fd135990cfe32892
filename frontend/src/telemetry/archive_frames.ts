import type { Frames } from "./archive.gen";
import { decodeMessage } from "./decode";
import type { Frame } from "./protocol.gen";

/** One frame of a part; its arrays are views of the part's bytes. */
export function frameOf(part: Frames, index: number): Frame {
  const { data } = part.data;
  const start = data.byteOffset + part.offsets.data[index]!;
  return decodeMessage(new Uint8Array(data.buffer, start, part.lengths.data[index]!)) as Frame;
}

/** All frames of a part, decoded one by one. */
export function* framesIn(part: Frames | null): Generator<Frame> {
  for (let i = 0; i < (part?.time.data.length ?? 0); i++) yield frameOf(part!, i);
}
