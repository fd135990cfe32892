import { DecodeError, decodeValue } from "./decode";
import { inflate } from "./inflate";
import type { NdArray } from "./protocol.gen";

// The format is told in `backend/cloudchamber/sessions/container_format.py`.
const MAGIC = [0x89, 0x43, 0x48, 0x4d, 0x42, 0x52, 0x0d, 0x0a];
const END_MAGIC = [0x89, 0x43, 0x48, 0x4d, 0x42, 0x52, 0x0a, 0x0d];
const VERSION = 1;
const HEADER = 16;
const FOOTER = 48;
const PLAIN = 0;
const GZIP = 1;
const MAX_PARTS = 1 << 20;
const MAX_INDEX = 1 << 27;
const MAX_PART = 1 << 28;
const MAX_RATIO = 1040;
const MAX_TOTAL = 2 ** 36;
const MAX_NAME = 96;
const NAME = /^[a-z0-9_]+(?:\/[a-z0-9_]+)*$/;

/** A file that is no session, or a damaged one; the message is a sentence for a person. */
export class FileError extends Error {
  override readonly name = "FileError";
}

interface Entry {
  readonly offset: number;
  readonly stored: number;
  readonly raw: number;
  readonly coding: number;
  readonly sha256: Uint8Array;
}

/**
 * A session's file, `.cloudchamber`, read part by part where it lies. Nothing in it is believed
 * before its checksum is right, and nothing is unpacked past the length its index promised.
 */
export class FileArchive {
  private constructor(
    private readonly file: Blob,
    private readonly entries: ReadonlyMap<string, Entry>,
  ) {}

  /** Throws `FileError`. */
  static async open(file: Blob): Promise<FileArchive> {
    return new FileArchive(file, await readIndex(file));
  }

  /** Every part there is, in the order of the file. */
  names(): Iterable<string> {
    return this.entries.keys();
  }

  /** The part, decoded; null if it is not there. Throws `FileError` if it is not what was written. */
  async part(name: string, signal?: AbortSignal): Promise<unknown> {
    const entry = this.entries.get(name);
    if (!entry) return null;
    const stored = this.file.slice(entry.offset, entry.offset + entry.stored);
    const bytes = await bytesOf(stored);
    if (!same(await digest(bytes), entry.sha256)) {
      throw new FileError(`The file is damaged: its part ${name} has another checksum.`);
    }
    signal?.throwIfAborted();
    const body = entry.coding === PLAIN ? bytes : await inflate(new Blob([bytes]), entry.raw);
    signal?.throwIfAborted();
    if (!body) throw new FileError(`The file is damaged: its part ${name} can't be unpacked.`);
    try {
      return decodeValue(body);
    } catch (error) {
      if (error instanceof DecodeError) throw new FileError(`The file's part ${name} is not valid.`);
      throw error;
    }
  }
}

async function readIndex(file: Blob): Promise<ReadonlyMap<string, Entry>> {
  const header = await bytesOf(file.slice(0, HEADER));
  if (header.length < HEADER || !same(header.subarray(0, 8), MAGIC)) {
    throw new FileError("This is not a session's file of Cloud Chamber.");
  }
  if (file.size < HEADER + FOOTER) throw new FileError("The file is cut off.");
  const footer = await bytesOf(file.slice(file.size - FOOTER));
  if (footer.length < FOOTER || !same(footer.subarray(40), END_MAGIC)) {
    throw new FileError("The file is cut off, or damaged at its end.");
  }
  const length = Number(new DataView(footer.buffer).getBigUint64(0, true));
  if (length > Math.min(MAX_INDEX, file.size - HEADER - FOOTER)) {
    throw new FileError("The file is damaged: its index does not fit into it.");
  }
  const start = file.size - FOOTER - length;
  const index = await bytesOf(file.slice(start, start + length));
  const sealed = await bytesOf(new Blob([header, index, footer.subarray(0, 8)]));
  if (!same(await digest(sealed), footer.subarray(8, 40))) {
    throw new FileError("The file is damaged: its index has another checksum.");
  }
  const version = new DataView(header.buffer).getUint32(8, true);
  if (version !== VERSION) {
    throw new FileError(
      `The file is of version ${version}; this Cloud Chamber reads version ${VERSION}. Update it.`,
    );
  }
  return entriesOf(decodeIndex(index), start);
}

function decodeIndex(bytes: Uint8Array): Record<string, unknown> {
  try {
    const index = decodeValue(bytes);
    if (typeof index === "object" && index !== null) return index as Record<string, unknown>;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
  throw new FileError("The file's index is not valid.");
}

/** The index as entries; their parts fill the file from the header to `stop`. */
function entriesOf(index: Record<string, unknown>, stop: number): ReadonlyMap<string, Entry> {
  const names = namesOf(column(index, "names", Uint8Array));
  const coding = column(index, "coding", Uint8Array);
  const stored = column(index, "stored", Uint32Array);
  const raw = column(index, "raw", Uint32Array);
  const sha256 = column(index, "sha256", Uint8Array);
  const count = names.length;
  if ([coding, stored, raw].some((of) => of.length !== count) || sha256.length !== 32 * count) {
    throw new FileError("The columns of the file's index differ in length.");
  }
  const entries = new Map<string, Entry>();
  let offset = HEADER;
  let total = 0;
  for (let i = 0; i < count; i++) {
    const entry = {
      offset,
      stored: stored[i]!,
      raw: raw[i]!,
      coding: coding[i]!,
      sha256: sha256.subarray(32 * i, 32 * i + 32),
    };
    check(entry);
    offset += entry.stored;
    total += entry.raw;
    entries.set(names[i]!, entry);
  }
  if (entries.size < count) throw new FileError("A part is named twice.");
  if (offset !== stop) throw new FileError("The parts of the file do not fill it.");
  if (total > MAX_TOTAL) throw new FileError(TOO_LARGE);
  return entries;
}

const TOO_LARGE = "The file says that its parts are larger than they can be.";

function check({ coding, stored, raw }: Entry): void {
  if (coding > GZIP) {
    throw new FileError("The file holds a part in a coding that this Cloud Chamber can't read. Update it.");
  }
  const possible = coding === PLAIN ? raw === stored : raw <= stored * MAX_RATIO;
  if (raw > MAX_PART || !possible) throw new FileError(TOO_LARGE);
}

function namesOf(column: Uint8Array): readonly string[] {
  const names = new TextDecoder().decode(column).split("\n");
  if (names.length > MAX_PARTS) throw new FileError("The file says that it has more parts than it can.");
  for (const name of names) {
    if (name.length > MAX_NAME || !NAME.test(name)) {
      throw new FileError("The file's index holds a name that is none of a part.");
    }
  }
  return names;
}

function column<T extends Uint8Array | Uint32Array>(
  index: Record<string, unknown>,
  name: string,
  type: new () => T,
): T {
  const array = index[name] as Partial<NdArray<T>> | undefined;
  if (!(array?.data instanceof type)) throw new FileError(`The file's index has no column ${name}.`);
  return array.data;
}

/** In a buffer of their own, so that arrays in them are aligned. */
async function bytesOf(blob: Blob): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.arrayBuffer());
  } catch {
    throw new FileError("The file can't be read any more; it was changed or taken away.");
  }
}

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

function same(a: Uint8Array, b: ArrayLike<number>): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
