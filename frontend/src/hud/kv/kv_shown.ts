import type { AppState } from "../../state/state";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import { promptLength } from "../attention/tokens";
import type { FlowFeed } from "../flow/flow_feed";
import {
  type AttentionRow,
  attentionRow,
  type KvLayers,
  type KvModel,
  kvLayers,
  kvModel,
  received,
  zoomCells,
} from "./kv_model";
import { bytesWords, type KvWords, kvWords } from "./kv_words";

/** All that is drawn of a cache at one moment. */
export interface KvShown {
  readonly cache: CacheStatus;
  readonly layers: KvLayers;
  /** Bytes of all layers in use; wordings, longest first. */
  readonly bytes: readonly string[];
  /** Of the selected layer; null where it keeps nothing. */
  readonly own: KvOwn | null;
}

/** The selected layer's cache, and what the selected head's newest query gives to its cells. */
export interface KvOwn {
  readonly model: KvModel;
  readonly words: KvWords;
  /** Null where the page has no such row. */
  readonly row: AttentionRow | null;
  readonly spikes: Float32Array | null;
  /** Cells that the inner ring shows, from the first on. */
  readonly zoom: number;
}

/** @param spikes of the inner ring at most. */
export function kvShown(
  state: AppState,
  cache: CacheStatus,
  position: number,
  feed: FlowFeed,
  spikes: number,
): KvShown {
  const layers = kvLayers(cache);
  return { cache, layers, bytes: bytesWords(layers), own: ownOf(state, cache, position, feed, spikes) };
}

function ownOf(
  state: AppState,
  cache: CacheStatus,
  position: number,
  feed: FlowFeed,
  most: number,
): KvOwn | null {
  const { layer, head } = state.selection;
  const model = kvModel(cache, layer, promptLength(state));
  if (!model) return null;
  const row = attentionRow(state, layer, head, position) ?? askedRow(feed, position);
  const zoom = zoomCells(model.used, model.cells);
  const spikes = row ? received(row, cache, layer, zoom, most) : null;
  return { model, words: kvWords(model, head, spikes ? zoom : 0), row, spikes, zoom };
}

/** The row that was asked for, once it is that of `position`. */
function askedRow({ row }: FlowFeed, position: number): AttentionRow | null {
  if (row?.position !== position) return null;
  return { query: position, weight: (key) => row.weights[key] ?? 0 };
}
