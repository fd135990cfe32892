let table: Float32Array | null = null;

/** The value of an IEEE 754 half float given by its bits. */
export function halfToFloat(bits: number): number {
  table ??= makeTable();
  return table[bits & 0xffff]!;
}

function makeTable(): Float32Array {
  const values = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits++) {
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) values[bits] = sign * fraction * 2 ** -24;
    else if (exponent === 31) values[bits] = fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    else values[bits] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return values;
}

const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** The bits of the half float nearest to a number from 0 to 65504; ties go to the even one. */
export function floatToHalf(value: number): number {
  real[0] = value;
  const bits = word[0]!;
  // Below the normal halves, steps are of one size.
  if (bits < 0x38800000) return Math.round(value * 2 ** 24 - (isTie(value * 2 ** 24) ? 0.5 : 0));
  return (bits - 0x38000000 + 0xfff + ((bits >> 13) & 1)) >> 13;
}

/** The bits of the first `count` numbers, into `out`. Takes arrays: each number handed on would be one on the heap. */
export function floatsToHalves(values: Float32Array, count: number, out: Uint16Array): void {
  for (let i = 0; i < count; i++) out[i] = floatToHalf(values[i]!);
}

/** Halfway between an even number below and an odd one above. */
function isTie(value: number): boolean {
  const low = Math.floor(value);
  return value - low === 0.5 && low % 2 === 0;
}
