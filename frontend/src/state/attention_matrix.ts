import { floatToHalf, halfToFloat } from "../telemetry/half";
import type { AttentionReply, AttentionWeights } from "../telemetry/protocol.gen";

/** Cells along the side of the greatest matrix held: beyond it, neighbours are joined by maximum. */
export const MATRIX_EDGE = 1024;
const FIRST_ROWS = 128;

/** In place of how many keys of a row are known: the server holds the row no more. */
const GONE = 0xffffffff;

/** Above the half float of infinity: no number. */
const NOT_A_NUMBER = 0x7c00;

const start = (row: number): number => (row * (row + 1)) / 2;

/**
 * One head's attention from the first query to the newest: the causal triangle as half-float bits, row by row.
 * Up to `MATRIX_EDGE` positions it is exact; beyond, a cell is the maximum over `block` x `block` positions, and
 * the block doubles as the run grows, which needs none of the exact cells again. Weights are not negative, so
 * their bits compare as they do.
 */
export class AttentionMatrix {
  /** Positions along the side of a cell. */
  block = 1;
  /** Rows are there from the first key to the query's own. */
  readonly whole = true;
  /** Positions from the first to the newest that is known. */
  length = 0;
  /** Counts up with every change. */
  revision = 0;
  /** The revision at which each row of cells last changed. */
  readonly rowRevision = new Uint32Array(MATRIX_EDGE);
  private bits = new Uint16Array(start(FIRST_ROWS));
  private sinks = new Float32Array(FIRST_ROWS);
  /** Of each position, up to which key its row is known. */
  private reach = new Uint32Array(FIRST_ROWS);

  /** Rows of cells. */
  get rows(): number {
    return Math.ceil(this.length / this.block);
  }

  /** Half-float bits of the cells of a row, 0 to `row` inclusive. A view: do not keep it. */
  row(row: number): Uint16Array {
    return this.bits.subarray(start(row), start(row) + row + 1);
  }

  /** The weight at a row and a column of cells. */
  value(row: number, column: number): number {
    return column > row ? 0 : halfToFloat(this.bits[start(row) + column]!);
  }

  /** Half-float bits of the greatest weight of a row of cells. */
  top(row: number): number {
    const end = start(row) + row + 1;
    let top = 0;
    for (let i = start(row); i < end; i++) if (this.bits[i]! > top) top = this.bits[i]!;
    return top;
  }

  /** Greatest share of an attention sink among a row's queries. */
  sink(row: number): number {
    return this.sinks[row] ?? 0;
  }

  isKnown(position: number): boolean {
    const reach = this.reach[position] ?? 0;
    return reach > position && reach !== GONE;
  }

  /** The server holds this row no more. */
  isGone(position: number): boolean {
    return this.reach[position] === GONE;
  }

  /** A whole row of cells is known. */
  isRowKnown(row: number): boolean {
    const end = Math.min((row + 1) * this.block, this.length);
    for (let position = row * this.block; position < end; position++) {
      if (!this.isKnown(position)) return false;
    }
    return end > row * this.block;
  }

  /** The newest positions below `end` that are not known, at most `most` of them; null when all are. */
  missing(end: number, most: number): { first: number; stop: number } | null {
    const lacks = (position: number): boolean => (this.reach[position] ?? 0) <= position;
    let stop = end;
    while (stop > 0 && !lacks(stop - 1)) stop--;
    if (stop === 0) return null;
    let first = stop - 1;
    while (first > 0 && stop - first < most && lacks(first - 1)) first--;
    return { first, stop };
  }

  /** Rows as the stream brings them: all keys, exact. */
  addRows({ query_start, weights, sink }: AttentionWeights): void {
    const [rows = 0, keys = 0] = weights.shape;
    if (rows === 0) return;
    this.extend(query_start + rows);
    this.revision++;
    for (let r = 0; r < rows; r++) {
      const position = query_start + r;
      const row = weights.data.subarray(r * keys, r * keys + Math.min(position + 1, keys));
      const gone = row.length === 0 || row[0]! > NOT_A_NUMBER;
      this.reach[position] = gone ? GONE : keys;
      if (!gone) this.fold(position, 0, 1, row, sink.data[r] ?? 0);
    }
  }

  /** A block of an answer. False: its cells do not lie within ours, and it was not taken. */
  addReply(reply: AttentionReply): boolean {
    const { query_start, query_stop, key_start, key_stop, query_block, key_block, weights, sink } = reply;
    const [rows = 0, columns = 0] = weights.shape;
    this.extend(query_stop);
    while (this.block < Math.max(query_block, key_block)) this.double();
    const { block } = this;
    if (block % key_block !== 0 || key_start % key_block !== 0) return false;
    if (query_block > 1 && (block % query_block !== 0 || query_start % query_block !== 0)) return false;
    const bits = new Uint16Array(columns);
    this.revision++;
    for (let r = 0; r < rows; r++) {
      const first = query_start + r * query_block;
      const stop = Math.min(first + query_block, query_stop);
      const gone = Number.isNaN(weights.data[r * columns]!);
      for (let c = 0; c < columns && !gone; c++) bits[c] = floatToHalf(weights.data[r * columns + c]!);
      if (!gone) this.fold(first, key_start, key_block, bits, sink.data[r] ?? 0);
      for (let position = first; position < stop; position++) {
        if (gone) this.reach[position] = GONE;
        else if (key_start <= this.reach[position]!) {
          this.reach[position] = Math.max(this.reach[position]!, key_stop);
        }
      }
    }
    return true;
  }

  /** Joins weights of keys `keyStart`, `keyStart + keyBlock`, … into the row of cells of `position`. */
  private fold(
    position: number,
    keyStart: number,
    keyBlock: number,
    weights: Uint16Array,
    sink: number,
  ): void {
    const { block, bits } = this;
    const row = Math.floor(position / block);
    const at = start(row);
    for (let i = 0; i < weights.length; i++) {
      const column = Math.floor((keyStart + i * keyBlock) / block);
      if (column > row) break;
      if (weights[i]! > bits[at + column]!) bits[at + column] = weights[i]!;
    }
    this.sinks[row] = Math.max(this.sinks[row]!, sink);
    this.rowRevision[row] = this.revision;
  }

  /** Makes room for positions up to `length`. */
  private extend(length: number): void {
    this.length = Math.max(this.length, length);
    while (this.length > this.block * MATRIX_EDGE) this.double();
    if (this.length > this.reach.length) this.reach = grown(Uint32Array, this.reach, 2 * this.length);
    const held = this.sinks.length;
    if (this.rows <= held) return;
    const rows = Math.min(MATRIX_EDGE, Math.max(2 * held, this.rows));
    this.sinks = grown(Float32Array, this.sinks, rows);
    this.bits = grown(Uint16Array, this.bits, start(rows));
  }

  /** Four cells become one, in place: a cell is written after the last one that reads it. */
  private double(): void {
    const { bits, sinks } = this;
    const held = sinks.length;
    const at = (row: number, column: number): number =>
      row < held && column <= row ? bits[start(row) + column]! : 0;
    const rows = Math.ceil(held / 2);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column <= row; column++) {
        const [r, c] = [2 * row, 2 * column];
        bits[start(row) + column] = Math.max(at(r, c), at(r, c + 1), at(r + 1, c), at(r + 1, c + 1));
      }
      sinks[row] = Math.max(sinks[2 * row]!, sinks[2 * row + 1] ?? 0);
    }
    bits.fill(0, start(rows));
    sinks.fill(0, rows);
    this.block *= 2;
    this.revision++;
    this.rowRevision.fill(this.revision);
  }
}

function grown<T extends Uint32Array | Uint16Array | Float32Array>(
  make: new (length: number) => T,
  held: T,
  least: number,
): T {
  const bigger = new make(Math.max(least, held.length));
  bigger.set(held);
  return bigger;
}
