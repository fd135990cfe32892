import type { AttentionMode } from "../../state/attention_history";
import type { AttentionMatrix } from "../../state/attention_matrix";
import { shown } from "../../state/moment";
import { selectedToken } from "../../state/select";
import type { AppState } from "../../state/state";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import { count, percent, probability } from "../format";
import type { Cells } from "./cells";
import { labelAt, promptLength } from "./tokens";

/** One query's row of weights, in brief. */
export interface RowFacts {
  readonly query: number;
  readonly queryLabel: string;
  /** The token this query led to; empty when it is not chosen yet. */
  readonly made: string;
  /** Position, label and weight of the strongest key. */
  readonly peak: number;
  readonly peakLabel: string;
  readonly peakWeight: number;
  /** Nats, without the sink; NaN where it has no meaning. */
  readonly entropy: number;
  /** Of the greatest there could be. */
  readonly entropyShare: number;
  /** Weight of the first token. */
  readonly first: number;
  /** Share of the attention sink; 0 without one. */
  readonly sink: number;
}

/** All that the attention instrument says, in plain numbers and strings. */
export interface AttentionModel {
  readonly layer: number;
  readonly head: number;
  readonly mode: AttentionMode;
  readonly layers: number;
  readonly heads: number;
  /** Queries there are. */
  readonly length: number;
  /** The one on show: the pinned token's, else the newest; -1 for none. */
  readonly query: number;
  readonly prompt: number;
  /** `L23 · H5`, or the mean or maximum of a layer. */
  readonly name: string;
  /** A sentence where there is nothing to show; else empty. */
  readonly absent: string;
  readonly row: RowFacts | null;
  /** Keys a query of this layer can see at most: the window, or all. */
  readonly window: number;
}

export function attentionModel(state: AppState, mode: AttentionMode): AttentionModel {
  const { model, selection } = state;
  const { layer, head } = selection;
  const query = shownQuery(state);
  const window = model?.windows.data[layer] ?? 0;
  const matrix = state.attentionHistory.get(layer, head, mode);
  return {
    layer,
    head,
    mode,
    layers: model?.n_layer ?? 0,
    heads: model?.n_head ?? 0,
    length: decodedLength(state),
    query,
    prompt: promptLength(state),
    name: mode === "head" ? `L${layer} · H${head}` : `L${layer} · ${mode} of ${model?.n_head ?? 0} heads`,
    absent: absence(state, window),
    row: query >= 0 ? rowFacts(state, matrix, mode, query) : null,
    window: Math.max(0, window),
  };
}

/** Positions whose rows there are: those that were decoded. */
export function decodedLength(state: AppState): number {
  const newest = state.tokens.at(-1)?.event.position ?? 0;
  return Math.max(newest, state.heads ? state.heads.position + 1 : 0);
}

/** The query on show: the one that made the pinned token, else the newest; -1 for none. */
export function shownQuery(state: AppState): number {
  const row = state.selection.step === null ? undefined : selectedToken(state);
  return row ? row.event.position - 1 : decodedLength(state) - 1;
}

function absence(state: AppState, window: number): string {
  if (!state.model) return "Weights of each token on those before it.";
  if (state.model.lacks.attention) return state.model.lacks.attention;
  if (window < 0) return `Layer ${state.selection.layer} has no attention.`;
  return state.run ? "" : "Weights of each token on those before it.";
}

/** The greatest entropy a row can have: ln of the keys it sees. */
export function greatestEntropy(position: number, window: number): number {
  const keys = window > 0 ? Math.min(position + 1, window) : position + 1;
  return Math.log(keys);
}

export function rowFacts(
  state: AppState,
  matrix: AttentionMatrix | undefined,
  mode: AttentionMode,
  query: number,
): RowFacts | null {
  const { layer, head } = state.selection;
  const summary = shown(state).heads;
  const heads = mode === "head" && summary?.position === query ? summary : null;
  const exact = matrix?.block === 1 && matrix.isKnown(query);
  if (!heads && !exact) return null;
  const at = layer * (state.model?.n_head ?? 0) + head;
  const weights = heads ? null : rowWeights(matrix!, query);
  const peak = heads?.peak.data[at] ?? strongest(weights!);
  const entropy = heads?.entropy.data[at] ?? (mode === "max" ? Number.NaN : entropyOf(weights!));
  const greatest = greatestEntropy(query, state.model?.windows.data[layer] ?? 0);
  const made = state.tokens.length > 0 ? query + 1 - promptLength(state) : -1;
  return {
    query,
    queryLabel: labelAt(state, query),
    made: made >= 0 && made < (state.run?.count ?? 0) ? labelAt(state, query + 1) : "",
    peak,
    peakLabel: labelAt(state, peak),
    peakWeight: heads?.peak_weight.data[at] ?? weights![peak]!,
    entropy,
    entropyShare: greatest > 0 ? entropy / greatest : 0,
    first: exact ? matrix.value(query, 0) : Number.NaN,
    sink: heads?.sink.data[at] ?? matrix?.sink(query) ?? 0,
  };
}

/** The weights of an exact row. */
export function rowWeights(matrix: AttentionMatrix, query: number): Float32Array {
  return Float32Array.from({ length: query + 1 }, (_, key) => matrix.value(query, key));
}

function strongest(weights: Float32Array): number {
  let at = 0;
  for (let i = 1; i < weights.length; i++) if (weights[i]! > weights[at]!) at = i;
  return at;
}

/** Nats, of weights that are first made to sum to 1. */
export function entropyOf(weights: Float32Array): number {
  let sum = 0;
  for (const weight of weights) sum += weight;
  let nats = 0;
  for (const weight of weights) if (weight > 0) nats -= (weight / sum) * Math.log(weight / sum);
  return nats;
}

/** How focused a head is: 1 looks at one key, 0 at all alike. NaN where a layer lacks the head. */
export function focusOf(heads: HeadSummary, index: number, window: number): number {
  const entropy = heads.entropy.data[index]!;
  if (Number.isNaN(entropy)) return Number.NaN;
  const greatest = greatestEntropy(heads.position, window);
  return greatest > 0 ? Math.max(0, 1 - entropy / greatest) : 0;
}

/**
 * Wordings, longest first: what is shown, and whether it is all there is. `joined` positions a side of a place,
 * `part` positions in view, 0 for all.
 */
export function captions(model: AttentionModel, joined: number, part: number): string[] {
  const { name, length } = model;
  if (length === 0) return [name];
  const all = `${count(length)} × ${count(length)}`;
  const cells = part > 0 ? `${count(part)} × ${count(part)} of ${all}` : all;
  const how = joined === 1 ? `exact, ${cells} cells` : `${cells} → max of ${joined} × ${joined}`;
  return [
    `${name} · softmax(QKᵀ/√d) · ${how}`,
    `${name} · ${how}`,
    `${name} · ${joined === 1 ? "exact" : `max of ${joined} × ${joined}`}`,
    name,
  ];
}

/** What the cell of a query and a key says. */
export interface CellFacts {
  /** Tokens, and where they stand. */
  readonly query: string;
  readonly queryNote: string;
  readonly key: string;
  readonly keyNote: string;
  readonly weight: string;
  readonly weightNote: string;
}

/** The token of a place along an axis, whole, and where it stands: of `joined` positions the first token, and all. */
export function placeFacts(
  state: AppState,
  first: number,
  joined: number,
  length: number,
): readonly [name: string, note: string] {
  const last = Math.min(first + joined, length) - 1;
  const name = labelAt(state, first);
  return last > first ? [`${name} …`, `pos ${first}–${last}`] : [name, `pos ${first}`];
}

/** A place of the picture: `joined` positions a side from `query` and `key`. Null where nothing is known. */
export function cellFacts(
  state: AppState,
  matrix: Cells,
  query: number,
  key: number,
  joined: number,
): CellFacts | null {
  const { block } = matrix;
  let most = -1;
  for (let row = query / block; row < Math.min((query + joined) / block, matrix.rows); row++) {
    if (!matrix.isRowKnown(row)) continue;
    for (let column = key / block; column < (key + joined) / block && column <= row; column++) {
      most = Math.max(most, matrix.value(row, column));
    }
  }
  if (most < 0) return null;
  const [queryName, queryNote] = placeFacts(state, query, joined, matrix.length);
  const [keyName, keyNote] = placeFacts(state, key, joined, matrix.length);
  return {
    query: queryName,
    queryNote,
    key: keyName,
    keyNote,
    weight: probability(most),
    weightNote: joined > 1 ? `max of ${joined} × ${joined}` : rankIn(matrix, query, key),
  };
}

/** The strongest key of the row on show, as a cell. */
export function peakFacts(row: RowFacts): CellFacts {
  return {
    query: row.queryLabel,
    queryNote: `pos ${row.query}`,
    key: row.peakLabel,
    keyNote: `pos ${row.peak}`,
    weight: probability(row.peakWeight),
    weightNote: "rank 1",
  };
}

/** Where a key stands among those of its row. */
function rankIn(matrix: Cells, query: number, key: number): string {
  if (!matrix.whole) return "exact";
  const row = matrix.row(query);
  let rank = 1;
  for (const bits of row) if (bits > row[key]!) rank++;
  return `rank ${rank}`;
}

export function nats(value: number): string {
  return Number.isNaN(value) ? "n/a" : `${value.toFixed(2)} nats`;
}

export function share(value: number): string {
  return Number.isNaN(value) ? "n/a" : percent(value);
}
