import { attentionKey } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { halfToFloat } from "../../telemetry/half";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import { usedBytes } from "../capacity_model";
import { bytes, count } from "../format";

/** What a cell holds. */
export type Tone = "prompt" | "answer";

/** Neighbouring cells of one kind: `from` is the first, `to` is after the last. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly tone: Tone;
  /** The next token can still look at them; false where a window has moved on. */
  readonly live: boolean;
}

/** The cache of one layer as a ring of its cells. */
export interface KvModel {
  readonly layer: number;
  readonly cells: number;
  readonly used: number;
  readonly free: number;
  readonly prompt: number;
  readonly answer: number;
  /** Tokens of the run so far: the position that the next one will have. */
  readonly position: number;
  /** 0 looks back at everything. */
  readonly window: number;
  /** First position that the next token still sees. */
  readonly offset: number;
  /** Cell that the next token will take; -1 when there is none left. */
  readonly writeHead: number;
  /** Cells are taken again once their tokens have left the window. */
  readonly rotating: boolean;
  readonly spans: readonly Span[];
  readonly keys: string;
  readonly values: string;
  readonly keysUsed: number;
  readonly valuesUsed: number;
}

/** Every layer's cache in brief, for the selector. */
export interface KvLayers {
  readonly count: number;
  readonly layer: Uint16Array;
  /** Cells of each layer as a share of the greatest; 0 keeps none. */
  readonly size: Float32Array;
  /** Cells in use as a share of the layer's own. */
  readonly fill: Float32Array;
  /** Cells that the next token can see as a share of the layer's own. */
  readonly live: Float32Array;
  /** 1 where the layer looks through a window. */
  readonly windowed: Uint8Array;
  /** Wordings, longest first. */
  readonly said: readonly string[];
  readonly usedBytes: number;
  readonly reservedBytes: number;
}

/** Positions by cell, -1 for a free one; null where a token's cell is its position. */
function cellMap(cache: CacheStatus, row: number): Int32Array | null {
  if (!(cache.rotating?.data[row] ?? 0)) return null;
  return cache.cell_positions.data;
}

/** The layer's cache; null where it keeps none. */
export function kvModel(cache: CacheStatus, layer: number, prompt: number): KvModel | null {
  const row = cache.layer.data.indexOf(layer);
  const cells = row < 0 ? 0 : cache.max_len.data[row]!;
  if (cells === 0) return null;
  const used = cache.seq_len.data[row]!;
  const offset = cache.offset.data[row]!;
  const map = cellMap(cache, row);
  const spans = map ? mappedSpans(map, cells, prompt, offset) : spansOfPositions(used, prompt, offset);
  const inPrompt = spans.reduce((sum, { from, to, tone }) => sum + (tone === "prompt" ? to - from : 0), 0);
  const position = positionOf(cache);
  const writeHead = cache.write_head.data[row]!;
  const keyBytes = Number(cache.key_bytes.data[row]!);
  const valueBytes = Number(cache.value_bytes.data[row]!);
  return {
    layer,
    cells,
    used,
    free: cells - used,
    prompt: inPrompt,
    answer: used - inPrompt,
    position,
    window: cache.window.data[row]!,
    offset,
    writeHead: writeHead < cells ? writeHead : -1,
    rotating: map !== null,
    spans,
    keys: ofWhole((keyBytes * used) / cells, keyBytes),
    values: ofWhole((valueBytes * used) / cells, valueBytes),
    keysUsed: (keyBytes * used) / cells,
    valuesUsed: (valueBytes * used) / cells,
  };
}

const ofWhole = (used: number, whole: number): string => `${bytes(used)} / ${bytes(whole)}`;

/** Positions that went in, whatever a window has let go again. */
function positionOf(cache: CacheStatus): number {
  let most = 0;
  for (let row = 0; row < cache.layer.data.length; row++) most = Math.max(most, cache.seq_len.data[row]!);
  const held = cache.cell_positions?.data;
  if (held) for (let cell = 0; cell < held.length; cell++) most = Math.max(most, held[cell]! + 1);
  return most;
}

/** Where a token's cell is its position: at most four spans. */
function spansOfPositions(used: number, prompt: number, offset: number): Span[] {
  const edges = [0, Math.min(prompt, used), Math.min(offset, used), used].sort((a, b) => a - b);
  const spans: Span[] = [];
  for (let i = 0; i + 1 < edges.length; i++) {
    const [from, to] = [edges[i]!, edges[i + 1]!];
    if (to > from) spans.push({ from, to, tone: from < prompt ? "prompt" : "answer", live: from >= offset });
  }
  return spans;
}

function mappedSpans(map: Int32Array, cells: number, prompt: number, offset: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  const kind = (cell: number): number => {
    const position = cell < cells ? (map[cell] ?? -1) : -1;
    return position < 0 ? 0 : 1 + (position < prompt ? 2 : 0) + (position >= offset ? 1 : 0);
  };
  for (let cell = 1; cell <= cells; cell++) {
    const last = kind(from);
    if (cell < cells && kind(cell) === last) continue;
    if (last > 0)
      spans.push({ from, to: cell, tone: last > 2 ? "prompt" : "answer", live: (last - 1) % 2 === 1 });
    from = cell;
  }
  return spans;
}

export function kvLayers(cache: CacheStatus): KvLayers {
  const { data: layer } = cache.layer;
  const rows = layer.length;
  const size = new Float32Array(rows);
  const fill = new Float32Array(rows);
  const live = new Float32Array(rows);
  const windowed = new Uint8Array(rows);
  let most = 1;
  for (let row = 0; row < rows; row++) most = Math.max(most, cache.max_len.data[row]!);
  const position = positionOf(cache);
  const counts = { full: 0, windowed: 0, none: 0 };
  for (let row = 0; row < rows; row++) {
    const cells = cache.max_len.data[row]!;
    size[row] = cells / most;
    fill[row] = cells > 0 ? cache.seq_len.data[row]! / cells : 0;
    const seen = Math.max(position - cache.offset.data[row]!, 0);
    live[row] = cells > 0 ? Math.min(seen, cache.seq_len.data[row]!) / cells : 0;
    windowed[row] = cells > 0 && cache.window.data[row]! > 0 ? 1 : 0;
    counts[cells === 0 ? "none" : windowed[row] ? "windowed" : "full"]++;
  }
  return {
    count: rows,
    layer: layer.slice(),
    size,
    fill,
    live,
    windowed,
    said: layerWords(counts),
    usedBytes: usedBytes(cache),
    reservedBytes: cache.memory_bytes,
  };
}

function layerWords(counts: { full: number; windowed: number; none: number }): string[] {
  const parts = (["full", "windowed", "none"] as const).filter((kind) => counts[kind] > 0);
  if (parts.length === 1 && parts[0] === "full")
    return [`${counts.full} layers · all full`, `${counts.full} full`];
  const word = { full: "full", windowed: "windowed", none: "without" };
  return [parts.map((kind) => `${counts[kind]} ${word[kind]}`).join(" · ")];
}

/** Cells to a tick of the ring, so that there are at most `most`: a power of two. */
export function cellsPerTick(cells: number, most: number): number {
  let per = 1;
  while (cells / per > most) per *= 2;
  return per;
}

const LEAST_ZOOM = 64;

/** Cells that the inner ring shows: enough for the used ones, doubling, so that it seldom changes. */
export function zoomCells(used: number, cells: number): number {
  let shown = LEAST_ZOOM;
  while (shown < used) shown *= 2;
  return Math.min(shown, cells);
}

/** One head's attention row: the weight of each key up to the query. */
export interface AttentionRow {
  readonly query: number;
  weight(position: number): number;
}

/** The row of the query at `position`, from the stream's newest or from what the page has kept; null without it. */
export function attentionRow(
  state: AppState,
  layer: number,
  head: number,
  position: number,
): AttentionRow | null {
  const rows = state.attention.get(attentionKey(layer, head));
  const [queries = 0, keys = 0] = rows?.weights.shape ?? [];
  const row = rows ? position - rows.query_start : -1;
  if (rows && row >= 0 && row < queries) {
    const { data } = rows.weights;
    return { query: position, weight: (key) => (key <= position ? halfToFloat(data[row * keys + key]!) : 0) };
  }
  const held = state.attentionHistory.get(layer, head);
  // Joined cells are of several queries: not this one's.
  if (!held?.isKnown(position) || held.block > 1) return null;
  return { query: position, weight: (key) => held.value(position, key) };
}

/** Attention by spike for the first `shown` cells, at most `most` spikes: the greatest of its cells. */
export function received(
  row: AttentionRow,
  cache: CacheStatus,
  layer: number,
  shown: number,
  most: number,
): Float32Array {
  const map = cellMap(cache, cache.layer.data.indexOf(layer));
  const per = cellsPerTick(shown, most);
  const spikes = new Float32Array(Math.ceil(shown / per));
  for (let cell = 0; cell < shown; cell++) {
    const position = map ? (map[cell] ?? -1) : cell;
    if (position < 0 || position > row.query) continue;
    const spike = Math.floor(cell / per);
    spikes[spike] = Math.max(spikes[spike]!, row.weight(position));
  }
  return spikes;
}

/** Position that a cell holds; -1 for a free one. */
export function positionInCell(cache: CacheStatus, model: KvModel, cell: number): number {
  const map = cellMap(cache, cache.layer.data.indexOf(model.layer));
  if (map) return map[cell] ?? -1;
  return cell < model.used ? cell : -1;
}

/** What kind of cache the layer has, and its size: wordings, longest first. */
export function captions(model: KvModel, head: string): string[] {
  const kind = model.rotating ? "rotating" : model.window > 0 ? `window ${count(model.window)}` : "full";
  const cells = `${count(model.cells)} cells`;
  return [
    `${cells} · ${head} · ${kind}`,
    `${cells} · L${model.layer} · ${kind}`,
    `${cells} · ${kind}`,
    cells,
  ];
}
