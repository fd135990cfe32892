import { openVocabulary, type VocabularyBody } from "../state/packed_vocabulary";
import type { Vocabulary } from "../state/vocabulary";
import { DecodeError, decodeMessage, decodeValue } from "./decode";
import type { RecordedFrame, Recording } from "./replay";
import { openPositions, type PositionMethod, type Positions, type PositionsBody } from "./resources";

// The format is told in `backend/cloudchamber/telemetry/recording.py`.
const MAGIC = "CLDCHMB1";
const CHUNK_HEAD = 16;
const HEADER = 0;
const VOCABULARY = 1;
const POSITIONS = 2;
const FRAME = 3;

/** Fetches and unpacks a recording. Throws with a sentence when there is none, or it is damaged. */
export async function fetchRecording(url: string | URL): Promise<Recording> {
  const response = await fetch(url);
  if (!response.ok || !response.body)
    throw new Error(`The recording could not be fetched (${response.status}).`);
  return openRecording(await response.arrayBuffer());
}

/** A recording from its file, compressed or not. */
export async function openRecording(file: ArrayBuffer): Promise<Recording> {
  return parseRecording(await inflate(file));
}

async function inflate(file: ArrayBuffer): Promise<ArrayBuffer> {
  const head = new Uint8Array(file, 0, Math.min(2, file.byteLength));
  // A server may have taken the gzip off on the way.
  if (head[0] !== 0x1f || head[1] !== 0x8b) return file;
  const stream = new Blob([file]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** The recording in its uncompressed bytes; up to its last whole chunk if it was cut off. */
export function parseRecording(bytes: ArrayBuffer): Recording {
  const all = new Uint8Array(bytes);
  if (new TextDecoder().decode(all.subarray(0, MAGIC.length)) !== MAGIC) {
    throw new DecodeError("This is not a recording of Cloud Chamber.");
  }
  const view = new DataView(bytes);
  const frames: RecordedFrame[] = [];
  const positions = new Map<PositionMethod, Positions>();
  let vocabulary: Vocabulary | null = null;
  let at = MAGIC.length;
  while (at + CHUNK_HEAD <= bytes.byteLength) {
    const tag = view.getUint32(at, true);
    const length = view.getUint32(at + 4, true);
    const time = view.getFloat64(at + 8, true);
    at += CHUNK_HEAD;
    if (at + length > bytes.byteLength) break;
    const payload = all.subarray(at, at + length);
    if (tag === VOCABULARY) vocabulary = openVocabulary("", decodeValue(payload) as VocabularyBody);
    else if (tag === POSITIONS) addPositions(positions, payload);
    else if (tag === FRAME) frames.push({ time, message: () => decodeMessage(payload) });
    else if (tag === HEADER) decodeValue(payload);
    at += length + (-length & 7);
  }
  if (!vocabulary || frames.length === 0) throw new DecodeError("The recording is empty or damaged.");
  return { vocabulary, positions, frames };
}

function addPositions(positions: Map<PositionMethod, Positions>, payload: Uint8Array): void {
  const opened = openPositions("", decodeValue(payload) as PositionsBody);
  positions.set(opened.method, opened);
}
