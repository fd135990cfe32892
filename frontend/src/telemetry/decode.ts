import { Decoder, ExtensionCodec } from "@msgpack/msgpack";
import { nestedWithin } from "./nesting";
import { ARRAY_EXT, DTYPES, type Message, type NdArray } from "./protocol.gen";

/** Largest message taken, in bytes: positions of 262,144 tokens are 4 MiB, an exact distribution 1 MiB. */
export const MAX_MESSAGE_BYTES = 1 << 28;

/** Bytes that are not a message of the protocol. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

type TypedArray =
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | Float32Array
  | BigUint64Array
  | BigInt64Array
  | Float64Array;

type TypedArrayConstructor = {
  new (buffer: ArrayBuffer, byteOffset: number, length: number): TypedArray;
  readonly BYTES_PER_ELEMENT: number;
};

const CONSTRUCTORS: Record<(typeof DTYPES)[number], TypedArrayConstructor> = {
  u1: Uint8Array,
  i1: Int8Array,
  u2: Uint16Array,
  i2: Int16Array,
  f2: Uint16Array,
  u4: Uint32Array,
  i4: Int32Array,
  f4: Float32Array,
  u8: BigUint64Array,
  i8: BigInt64Array,
  f8: Float64Array,
};

const MAX_DIMENSIONS = 4;

const extensions = new ExtensionCodec();
extensions.register({ type: ARRAY_EXT, encode: () => null, decode: decodeArray });

const decoder = new Decoder({
  extensionCodec: extensions,
  maxStrLength: 1 << 22,
  maxBinLength: MAX_MESSAGE_BYTES,
  maxArrayLength: 1 << 16,
  maxMapLength: 1 << 10,
  maxExtLength: MAX_MESSAGE_BYTES,
});

/**
 * An array extension as a view of the message, copied only where the bytes are not aligned
 * (the server pads them so that in an aligned buffer they are).
 */
function decodeArray(payload: Uint8Array): NdArray<TypedArray> {
  if (payload.length < 4) throw new DecodeError("An array is shorter than its header.");
  const dtype = DTYPES[payload[0]!];
  const dimensions = payload[1]!;
  const start = 4 + 4 * dimensions + payload[2]!;
  if (dtype === undefined || dimensions > MAX_DIMENSIONS || payload.length < start) {
    throw new DecodeError("An array's header is not valid.");
  }
  const header = new DataView(payload.buffer, payload.byteOffset, start);
  const shape: number[] = [];
  let count = 1;
  for (let i = 0; i < dimensions; i++) {
    shape.push(header.getUint32(4 + 4 * i, true));
    count *= shape[i]!;
  }
  const Constructor = CONSTRUCTORS[dtype];
  if (payload.length - start !== count * Constructor.BYTES_PER_ELEMENT) {
    throw new DecodeError("An array's shape does not fit its bytes.");
  }
  return { data: view(Constructor, payload, start, count), shape };
}

function view(Constructor: TypedArrayConstructor, payload: Uint8Array, start: number, count: number) {
  const offset = payload.byteOffset + start;
  if (offset % Constructor.BYTES_PER_ELEMENT === 0) {
    return new Constructor(payload.buffer as ArrayBuffer, offset, count);
  }
  const copy = payload.slice(start);
  return new Constructor(copy.buffer, 0, count);
}

/** Any encoded value. Arrays are views of `bytes`. Throws `DecodeError`. */
export function decodeValue(bytes: ArrayBuffer | Uint8Array): unknown {
  if (bytes.byteLength > MAX_MESSAGE_BYTES) {
    throw new DecodeError(`A message of ${bytes.byteLength} bytes is larger than any of the protocol.`);
  }
  if (!nestedWithin(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes))) {
    throw new DecodeError("A message whose parts are further inside one another than any of the protocol.");
  }
  try {
    return decoder.decode(bytes);
  } catch (error) {
    if (error instanceof DecodeError) throw error;
    throw new DecodeError(`Not a valid message: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A message of the stream. Throws `DecodeError`. */
export function decodeMessage(bytes: ArrayBuffer | Uint8Array): Message {
  const value = decodeValue(bytes);
  if (typeof value !== "object" || value === null || typeof (value as { kind?: unknown }).kind !== "string") {
    throw new DecodeError("A message without a kind.");
  }
  return value as Message;
}
