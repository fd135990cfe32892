import type { AttentionMode } from "../../state/attention_history";
import { type AttentionMatrix, MATRIX_EDGE } from "../../state/attention_matrix";
import { attentionKey } from "../../state/reduce";
import type { Requests } from "../../state/requests";
import type { AppState } from "../../state/state";
import type { GetAttention } from "../../telemetry/protocol.gen";
import { Seen } from "../seen";

/** Rows of one answer: so that it is small and decoding is not held up. */
const ROWS = 512;
/** Longest side of an answer that the server gives. */
const LONGEST = 512;
/**
 * Rows asked for beyond the newest one that is known: by the time of the answer there are some, and the stream may
 * have brought them for the head that was on show before. A server gives those that it has.
 */
const AHEAD = 16;
/** Rows of a head on show that the stream may be behind the tokens: it brings them thirty times a second. */
const ON_THE_WAY = 8;

/** A part of a matrix, as it is asked for. */
export type Piece = Pick<GetAttention, "query_start" | "query_stop" | "key_start" | "key_stop" | "max_size">;

/**
 * What to ask for so that `matrix` becomes whole, or, where it joins cells, comes nearer to it: the newest rows that are
 * missing first, in pieces from left to right. Sizes are such that the answer's blocks lie within the matrix's own.
 */
export function piecesMissing(matrix: AttentionMatrix, length: number): Piece[] {
  // A matrix that is about to join more cells: the answer comes joined.
  let { block } = matrix;
  while (length > block * MATRIX_EDGE) block *= 2;
  const gap = matrix.missing(length, block === 1 ? MATRIX_EDGE : LONGEST * block);
  if (!gap) return [];
  if (block > 1) return piecesOf(gap.first, gap.stop, block);
  // All at once: answers come one after another, and each waits for a decode.
  const pieces: Piece[] = [];
  for (let stop = gap.stop === length ? length + AHEAD : gap.stop; stop > gap.first; stop -= ROWS)
    pieces.push(...piecesOf(Math.max(gap.first, stop - ROWS), stop, 1));
  return pieces;
}

/** The rows from `first` up to `stop`, from left to right. */
function piecesOf(first: number, stop: number, block: number): Piece[] {
  const cells = Math.ceil(stop / block);
  const side = Math.ceil(cells / Math.ceil(cells / LONGEST));
  const query_start = block === 1 ? first : firstQuery(first, stop, side);
  const pieces: Piece[] = [];
  for (let key_start = 0; key_start < stop; key_start += side * block) {
    const key_stop = Math.min(key_start + side * block, stop);
    const max_size = block === 1 ? Math.max(side, stop - query_start) : side;
    pieces.push({ query_start, query_stop: stop, key_start, key_stop, max_size });
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

/** Positions whose rows need not be waited for: those that the stream is about to bring are not asked for. */
function dueLength(state: AppState, layer: number, head: number, length: number): number {
  const { run, attention, right } = state;
  const rows = attention.get(attentionKey(layer, head));
  const live = right !== "" && run?.state?.phase === "running";
  if (!live || !rows || rows.run_id !== run.started.run_id) return length;
  const brought = rows.query_start + (rows.weights.shape[0] ?? 0);
  return brought < length && length - brought <= ON_THE_WAY ? brought : length;
}

/** Asks for the rows that the stream has not brought: of the time before a head was selected, and of joined heads. */
export class MatrixRequests {
  /** What was asked of last, and counts how often that was another. */
  private readonly seen = new Seen();
  private turn = 0;
  /** Answers on their way for it. */
  private awaited = 0;
  /** Why the server has no rows of it; empty if it did not say so. */
  refusal = "";

  /** `slot` names the purpose among all questions of the page. */
  constructor(private readonly slot: string) {}

  get waiting(): boolean {
    return this.awaited > 0;
  }

  /** What was refused may be there now. */
  forget(): void {
    this.refusal = "";
  }

  /** Asks for the next rows that are missing, unless an answer is on its way. Says whether it asked. */
  ask(
    state: AppState,
    layer: number,
    head: number,
    mode: AttentionMode,
    length: number,
    ask: Requests["ask"],
  ): boolean {
    const { seen } = this;
    seen.begin();
    seen.value(state.run?.started.run_id);
    seen.value(layer);
    seen.value(head);
    seen.value(mode);
    if (seen.changed) {
      this.turn++;
      this.awaited = 0;
      this.refusal = "";
    }
    if (this.awaited > 0 || this.refusal !== "" || length === 0) return false;
    const matrix = state.attentionHistory.use(layer, head, mode);
    const pieces = piecesMissing(matrix, mode === "head" ? dueLength(state, layer, head, length) : length);
    this.awaited = pieces.length;
    const { turn } = this;
    pieces.forEach((piece, i) => {
      const asked = { kind: "get_attention", layer, head, mode, ...piece } as const;
      ask(
        `${this.slot} ${i}`,
        asked,
        () => this.answered(turn, ""),
        (message) => this.answered(turn, message),
      );
    });
    return pieces.length > 0;
  }

  /** One of the answers came. One for what is no longer looked at changes nothing here. */
  private answered(turn: number, refusal: string): void {
    if (turn !== this.turn) return;
    this.awaited = Math.max(0, this.awaited - 1);
    if (refusal !== "") this.refusal = refusal;
  }
}
