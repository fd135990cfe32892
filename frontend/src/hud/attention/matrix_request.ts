import type { AttentionMode } from "../../state/attention_history";
import { type AttentionMatrix, MATRIX_EDGE } from "../../state/attention_matrix";
import type { AppState } from "../../state/state";
import type { GetAttention } from "../../telemetry/protocol.gen";

/** Rows asked for at once: so that an answer is small and decoding is not held up. */
const ROWS = 256;
/** Longest side of an answer that the server gives. */
const LONGEST = 512;
/** Seconds after which an answer is not waited for any longer. */
const PATIENCE = 3;
/** Ids of these requests; other askers have smaller ones. */
const FIRST_ID = 0x40000000;

/** A part of a matrix, as it is asked for. */
export type Piece = Pick<GetAttention, "query_start" | "query_stop" | "key_start" | "key_stop" | "max_size">;

/**
 * What to ask for next so that `matrix` becomes whole: the newest rows that are missing, in pieces from left to
 * right. Sizes are such that the answer's blocks lie within the matrix's own.
 */
export function piecesMissing(matrix: AttentionMatrix, length: number): Piece[] {
  // A matrix that is about to join more cells: the answer comes joined.
  let { block } = matrix;
  while (length > block * MATRIX_EDGE) block *= 2;
  const gap = matrix.missing(length, block === 1 ? ROWS : LONGEST * block);
  if (!gap) return [];
  const cells = Math.ceil(gap.stop / block);
  const side = Math.ceil(cells / Math.ceil(cells / LONGEST));
  const query_start = block === 1 ? gap.first : firstQuery(gap.first, gap.stop, side);
  const pieces: Piece[] = [];
  for (let key_start = 0; key_start < gap.stop; key_start += side * block) {
    const key_stop = Math.min(key_start + side * block, gap.stop);
    const wide = Math.ceil((key_stop - key_start) / block);
    const max_size = block === 1 ? Math.max(wide, gap.stop - query_start) : wide;
    pieces.push({ query_start, query_stop: gap.stop, key_start, key_stop, max_size });
  }
  return pieces;
}

/** The first of as many rows up to `stop` as make blocks of a power of two in an answer of `side` rows. */
function firstQuery(first: number, stop: number, side: number): number {
  let power = 1;
  while (2 * power * side <= stop - first) power *= 2;
  if (stop - first <= side) return first;
  return Math.ceil((stop - power * side) / power) * power;
}

/** Asks for the rows that the stream has not brought: of the time before a head was selected, and of joined heads. */
export class MatrixRequests {
  private next = FIRST_ID;
  private last = 0;
  private askedAt = Number.NEGATIVE_INFINITY;

  /** True while an answer is awaited. */
  waiting(state: AppState, now: number): boolean {
    return this.last > 0 && state.attentionHistory.answered < this.last && now - this.askedAt < PATIENCE;
  }

  /** Asks for the next rows that are missing, unless an answer is on its way. */
  ask(
    state: AppState,
    layer: number,
    head: number,
    mode: AttentionMode,
    length: number,
    now: number,
    send: (command: GetAttention) => void,
  ): void {
    if (state.connection.phase !== "open" || length === 0 || this.waiting(state, now)) return;
    const matrix = state.attentionHistory.use(layer, head, mode);
    for (const piece of piecesMissing(matrix, length)) {
      this.last = this.next++;
      this.askedAt = now;
      send({ kind: "get_attention", request: this.last, layer, head, mode, ...piece });
    }
  }
}
