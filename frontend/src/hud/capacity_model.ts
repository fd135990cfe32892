import { shown } from "../state/moment";
import type { AppState } from "../state/state";
import type { CacheStatus } from "../telemetry/protocol.gen";
import { bytes, count, percent } from "./format";
import { threshold } from "./theme";

/** How full the KV cache is. */
export interface CacheModel {
  /** False: `note` says why there is nothing to show. */
  readonly known: boolean;
  /** Share of the cells in use. */
  readonly share: number;
  readonly cells: string;
  /** Wordings, longest first. */
  readonly notes: readonly string[];
  readonly nearlyFull: boolean;
}

/** Where the bytes are. */
export interface MemoryModel {
  readonly known: boolean;
  /** Weights, cache, compute buffers, the rest, as shares of all. */
  readonly shares: Float32Array;
  readonly total: string;
  /** Wordings, longest first. */
  readonly notes: readonly string[];
}

const noCache = (...notes: string[]): CacheModel => ({
  known: false,
  share: 0,
  cells: "",
  notes,
  nearlyFull: false,
});

/** Of the moment on show: what a pinned token found, or what is used now. */
export function cacheModel(state: AppState): CacheModel {
  const { model } = state;
  const { cache, pinned } = shown(state);
  if (model?.lacks.attention) return noCache("n/a · the model has no attention", "n/a · no attention");
  if (!cache && pinned) return noCache("not known of this token", "not known");
  if (!cache)
    return noCache(
      model ? `${count(model.n_ctx)} cells, empty` : "cells used of those there are",
      "cells in use",
    );
  const widest = widestLayer(cache.max_len.data);
  const cells = cache.max_len.data[widest] ?? 0;
  if (cells === 0) return noCache("n/a · no layer keeps keys and values", "n/a · no keys and values");
  const used = cache.seq_len.data[widest]!;
  const share = used / cells;
  return {
    known: true,
    share,
    cells: `${count(used)} / ${count(cells)}`,
    notes: [
      `${percent(share)} · ${bytes(usedBytes(cache))} of ${bytes(cache.memory_bytes)}`,
      `${percent(share)} of ${bytes(cache.memory_bytes)}`,
    ],
    nearlyFull: share >= threshold.nearlyFull,
  };
}

/** Layers of a sliding window have fewer cells; the gauge shows one that keeps the whole context. */
function widestLayer(cells: Uint32Array): number {
  let widest = 0;
  for (let i = 1; i < cells.length; i++) if (cells[i]! > cells[widest]!) widest = i;
  return widest;
}

/** What was counted last: several ask for the same. */
const counted: { cache: CacheStatus | null; bytes: number } = { cache: null, bytes: 0 };

/** Lower and upper halves of 64-bit numbers: read whole, each would be an object. */
function halvesOf({ buffer, byteOffset, length }: BigUint64Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, 2 * length);
}

/** Bytes of the cells in use: each layer's reservation by its own fill. */
export function usedBytes(cache: CacheStatus): number {
  if (cache === counted.cache) return counted.bytes;
  const keys = halvesOf(cache.key_bytes.data);
  const values = halvesOf(cache.value_bytes.data);
  let sum = 0;
  for (let i = 0; i < cache.layer.data.length; i++) {
    const cells = cache.max_len.data[i]!;
    if (cells === 0) continue;
    const low = keys[2 * i]! + values[2 * i]!;
    const high = keys[2 * i + 1]! + values[2 * i + 1]!;
    sum += (low + high * 2 ** 32) * (cache.seq_len.data[i]! / cells);
  }
  counted.cache = cache;
  counted.bytes = sum;
  return sum;
}

export function memoryModel(state: AppState): MemoryModel {
  const { memory, pinned } = shown(state);
  if (!memory) {
    return {
      known: false,
      shares: new Float32Array(4),
      total: pinned ? "no reading" : "",
      notes: ["weights · kv cache · other", "weights · kv"],
    };
  }
  const { weights, cache_total: cache, activations: compute } = memory;
  const parts = weights + cache + compute;
  // Weights may be on a device, or mapped and not yet read: then they are no part of the resident bytes.
  const whole = Math.max(memory.process_resident + memory.gpu_allocated, parts);
  const other = whole - parts;
  const shares = Float32Array.from([weights, cache, compute, other], (part) =>
    whole > 0 ? part / whole : 0,
  );
  const device = memory.gpu_allocated > 0 ? ` + ${bytes(memory.gpu_allocated)} on device` : "";
  const unit = whole >= 1000 * 2 ** 20 ? 2 ** 30 : 2 ** 20;
  const inUnit = (n: number): string => (n / unit).toFixed(n / unit >= 9.95 ? 0 : 1);
  return {
    known: true,
    shares,
    total: `${bytes(memory.process_resident)} resident${device}`,
    notes: [
      `weights ${inUnit(weights)} · kv ${inUnit(cache)} · compute ${inUnit(compute)} · other ${inUnit(other)}`,
      `weights ${inUnit(weights)} · kv ${inUnit(cache)} · other ${inUnit(compute + other)}`,
      `wts ${inUnit(weights)} · kv ${inUnit(cache)} · rest ${inUnit(compute + other)}`,
    ],
  };
}
