import { MATRIX_EDGE } from "../../state/attention_matrix";
import { floatToHalf } from "../../telemetry/half";
import type { AttentionReply } from "../../telemetry/protocol.gen";
import type { MatrixWindow } from "./matrix_window";

/** What a picture is painted from: the causal triangle by rows of cells. */
export interface Cells {
  /** Positions along the side of a cell. */
  readonly block: number;
  /** Rows are there from the first key to the query's own. */
  readonly whole: boolean;
  /** Positions from the first to the newest that is known. */
  readonly length: number;
  readonly rows: number;
  readonly revision: number;
  /** The revision at which each row of cells last changed. */
  readonly rowRevision: ArrayLike<number>;
  isRowKnown(row: number): boolean;
  /** Half-float bits from the first column on. A view: do not keep it. */
  row(row: number): Uint16Array;
  /** The weight at a row and a column of cells. */
  value(row: number, column: number): number;
  /** Half-float bits of the greatest weight of a row, over all of its keys as far as they are known. */
  top(row: number): number;
}

/** Exact cells of a part of a matrix that is held joined: one answer. */
export class DetailCells implements Cells {
  readonly block = 1;
  readonly whole = false;
  readonly length: number;
  readonly rows: number;
  readonly revision = 1;
  readonly rowRevision: ArrayLike<number> = [];
  private readonly scratch: Uint16Array;

  readonly query_start: number;
  readonly query_stop: number;

  constructor(
    private readonly reply: AttentionReply,
    /** Greatest weight of each of its rows over all keys; null where only its own keys are known. */
    readonly tops: Float32Array | null = null,
  ) {
    this.query_start = reply.query_start;
    this.query_stop = reply.query_stop;
    this.length = reply.query_stop;
    this.rows = reply.query_stop;
    this.scratch = new Uint16Array(reply.key_stop);
  }

  /** All of a window lies within the answer, as far as there are positions. */
  covers({ query, key, span }: MatrixWindow, length: number): boolean {
    const { query_start, query_stop, key_start, key_stop } = this.reply;
    const end = Math.min(query + span, length);
    return (
      query >= query_start && end <= query_stop && key >= key_start && Math.min(key + span, end) <= key_stop
    );
  }

  /** The same, with the greatest weights from an answer about the same rows and all keys. */
  withTops({ weights }: AttentionReply): DetailCells {
    const [rows = 0, columns = 0] = weights.shape;
    const tops = Float32Array.from({ length: rows }, (_, row) =>
      greatest(weights.data.subarray(row * columns, (row + 1) * columns)),
    );
    return new DetailCells(this.reply, tops);
  }

  isRowKnown(row: number): boolean {
    const { query_start, query_stop, weights } = this.reply;
    if (row < query_start || row >= query_stop) return false;
    return !Number.isNaN(weights.data[(row - query_start) * weights.shape[1]!]!);
  }

  row(row: number): Uint16Array {
    const { query_start, key_start, weights } = this.reply;
    const columns = weights.shape[1]!;
    const at = (row - query_start) * columns;
    for (let i = 0; i < columns; i++) this.scratch[key_start + i] = floatToHalf(weights.data[at + i]!);
    return this.scratch.subarray(0, Math.min(row + 1, this.scratch.length));
  }

  top(row: number): number {
    const { query_start, weights } = this.reply;
    const columns = weights.shape[1]!;
    const at = (row - query_start) * columns;
    return floatToHalf(this.tops?.[row - query_start] ?? greatest(weights.data.subarray(at, at + columns)));
  }

  value(row: number, column: number): number {
    const { query_start, key_start, key_stop, weights } = this.reply;
    if (column > row || column < key_start || column >= key_stop) return 0;
    return weights.data[(row - query_start) * weights.shape[1]! + column - key_start]!;
  }
}

function greatest(weights: Float32Array): number {
  let top = 0;
  for (const weight of weights) if (weight > top) top = weight;
  return top;
}

/** Longest side of a window whose exact cells are asked for. */
export const DETAIL_SPAN = Math.min(512, MATRIX_EDGE);
