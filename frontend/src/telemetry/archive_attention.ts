import type { Attention, Manifest } from "./archive.gen";
import { floatToHalf } from "./half";
import type { AttentionWeights } from "./protocol.gen";

/** Names of the parts that hold a layer's queries at `[first, last]`. */
export function attentionNames(
  { attention_layers, attention_rows }: Manifest,
  layers: readonly number[],
  first: number,
  last: number,
): string[] {
  const names = [];
  for (const layer of layers) {
    if (!attention_layers.includes(layer)) continue;
    const from = Math.floor(Math.max(0, first) / attention_rows);
    for (let part = from; part <= Math.floor(Math.max(0, last) / attention_rows); part++) {
      names.push(`attention/${layer}/${part}`);
    }
  }
  return names;
}

/** Weights of one head's query over all keys up to it, and the sink's share; null where they are not kept. */
export function attentionRow(
  part: Attention,
  head: number,
  query: number,
): { weights: Float32Array; sink: number } | null {
  const row = query - part.query_start;
  if (row < 0 || row >= part.rows || head >= part.heads) return null;
  const at = row * part.heads + head;
  const scale = part.scale.data[at]!;
  const weights = new Float32Array(query + 1);
  const codes = part.weights.data.subarray(at * part.keys, at * part.keys + query + 1);
  for (let key = 0; key < codes.length; key++) weights[key] = codes[key]! * scale;
  return { weights, sink: part.sink.data[at]! };
}

/** One query's row, as the stream tells it. */
export function attentionEvent(
  part: Attention,
  run_id: string,
  layer: number,
  head: number,
  query: number,
): AttentionWeights | null {
  const row = attentionRow(part, head, query);
  if (!row) return null;
  const weights = { data: Uint16Array.from(row.weights, floatToHalf), shape: [1, query + 1] };
  const sink = { data: Float32Array.of(row.sink), shape: [1] };
  return { kind: "attention", run_id, layer, head, query_start: query, weights, sink };
}
