import type { AttentionReply, GetAttention, NdArray } from "./protocol.gen";

/** One query's attention: weights of the keys up to itself, and what went to the sink. */
export interface AttentionRow {
  readonly weights: Float32Array;
  readonly sink: number;
}

/**
 * A part of a head's matrix, filled row by row and reduced as the server does: a cell is the maximum of its
 * block of queries and keys; a row of which no query is there is NaN.
 */
export class BlockMaximum {
  readonly queryStop: number;
  private readonly keyStop: number;
  private readonly queryBlock: number;
  private readonly keyBlock: number;
  private readonly columns: number;
  private readonly weights: Float32Array;
  private readonly sink: Float32Array;

  /** What was asked for, of the `held` positions there are. Null when nothing of it is there. */
  static of(asked: GetAttention, held: number): BlockMaximum | null {
    const block = new BlockMaximum(asked, held);
    return asked.query_start < block.queryStop && asked.key_start < block.keyStop ? block : null;
  }

  private constructor(
    private readonly asked: GetAttention,
    held: number,
  ) {
    this.queryStop = Math.min(asked.query_stop || held, held);
    this.keyStop = Math.min(asked.key_stop || this.queryStop, this.queryStop);
    const queries = Math.max(0, this.queryStop - asked.query_start);
    const keys = Math.max(0, this.keyStop - asked.key_start);
    this.queryBlock = Math.max(1, Math.ceil(queries / asked.max_size));
    this.keyBlock = Math.max(1, Math.ceil(keys / asked.max_size));
    const rows = Math.ceil(queries / this.queryBlock);
    this.columns = Math.ceil(keys / this.keyBlock);
    this.weights = new Float32Array(rows * this.columns).fill(Number.NaN);
    this.sink = new Float32Array(rows).fill(Number.NaN);
  }

  /** Takes in the row of one query, from `query_start` up to `queryStop`. */
  take(query: number, row: AttentionRow): void {
    const { query_start, key_start } = this.asked;
    const r = Math.floor((query - query_start) / this.queryBlock);
    const cells = this.weights.subarray(r * this.columns, (r + 1) * this.columns);
    if (Number.isNaN(this.sink[r]!)) cells.fill(0);
    this.sink[r] = Math.max(this.sink[r] || 0, row.sink);
    for (let key = key_start; key < Math.min(this.keyStop, query + 1); key++) {
      const c = Math.floor((key - key_start) / this.keyBlock);
      cells[c] = Math.max(cells[c]!, row.weights[key]!);
    }
  }

  /** Whether no query's row was there. */
  get empty(): boolean {
    return this.sink.every(Number.isNaN);
  }

  reply(run_id: string): AttentionReply {
    return {
      ...this.asked,
      kind: "attention_reply",
      run_id,
      query_stop: this.queryStop,
      key_stop: this.keyStop,
      query_block: this.queryBlock,
      key_block: this.keyBlock,
      weights: { data: this.weights, shape: [this.sink.length, this.columns] },
      sink: flat(this.sink),
    };
  }
}

/** One dimension. */
export function flat(data: Float32Array): NdArray<Float32Array> {
  return { data, shape: [data.length] };
}
