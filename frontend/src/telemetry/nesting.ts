/** Maps and arrays of the protocol's messages are never further inside one another than this. */
export const MAX_NESTING = 32;

/**
 * Whether no map or array of a msgpack message is deeper than `most` inside others. A few
 * bytes can nest a million deep, and a decoder that follows would fill the memory. Bytes that
 * end too early, or are no msgpack, are left to the decoder to refuse.
 */
export function nestedWithin(bytes: Uint8Array, most = MAX_NESTING): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Items still to come at each depth. */
  const left = new Float64Array(most + 1);
  let depth = 0;
  let at = 0;
  left[0] = 1;
  while (at < bytes.length) {
    const head = bytes[at]!;
    const items = itemsOf(view, head, at);
    if (items > 0) {
      if (depth === most) return false;
      left[depth]!--;
      left[++depth] = items;
      at += headOf(head);
    } else {
      left[depth]!--;
      at += headOf(head) + payloadOf(view, head, at);
    }
    while (left[depth] === 0) if (depth-- === 0) return true;
  }
  return true;
}

/** Items inside a map (its keys count) or an array; 0 for anything else. */
function itemsOf(view: DataView, head: number, at: number): number {
  if (head >= 0x80 && head <= 0x8f) return 2 * (head & 15);
  if (head >= 0x90 && head <= 0x9f) return head & 15;
  if (head === 0xdc || head === 0xde) return (head === 0xde ? 2 : 1) * read(view, at + 1, 2);
  if (head === 0xdd || head === 0xdf) return (head === 0xdf ? 2 : 1) * read(view, at + 1, 4);
  return 0;
}

/** Bytes of the type and of the length that follows it, and of an extension's own type. */
function headOf(head: number): number {
  switch (head) {
    case 0xc4:
    case 0xd9:
    case 0xd4:
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
      return 2;
    case 0xc5:
    case 0xda:
    case 0xdc:
    case 0xde:
    case 0xc7:
      return 3;
    case 0xc8:
      return 4;
    case 0xc6:
    case 0xdb:
    case 0xdd:
    case 0xdf:
      return 5;
    case 0xc9:
      return 6;
    default:
      return 1;
  }
}

/** Bytes of a scalar, a string, binary data or an extension. */
function payloadOf(view: DataView, head: number, at: number): number {
  if (head >= 0xa0 && head <= 0xbf) return head & 31;
  if (head >= 0xcc && head <= 0xcf) return 1 << (head - 0xcc);
  if (head >= 0xd0 && head <= 0xd3) return 1 << (head - 0xd0);
  if (head >= 0xd4 && head <= 0xd8) return 1 << (head - 0xd4);
  switch (head) {
    case 0xca:
      return 4;
    case 0xcb:
      return 8;
    case 0xc4:
    case 0xd9:
    case 0xc7:
      return read(view, at + 1, 1);
    case 0xc5:
    case 0xda:
    case 0xc8:
      return read(view, at + 1, 2);
    case 0xc6:
    case 0xdb:
    case 0xc9:
      return read(view, at + 1, 4);
    default:
      return 0;
  }
}

function read(view: DataView, at: number, bytes: 1 | 2 | 4): number {
  if (at + bytes > view.byteLength) return 0;
  return bytes === 1 ? view.getUint8(at) : bytes === 2 ? view.getUint16(at) : view.getUint32(at);
}
