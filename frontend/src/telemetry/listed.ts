import type { Distribution } from "./protocol.gen";

const TOP = 20;
/** Tokens less probable than this add nothing that can be seen, and are left out. */
const LEAST = 1e-12;
const BLOCK = 65_536;

/** An exact softmax as the stream tells it: every token listed, to a 65,535th of the logarithm's range. */
export function listed(p: Float32Array, run_id: string, step: number): Distribution {
  const ids = [];
  let [low, high] = [0, Number.NEGATIVE_INFINITY];
  for (let id = 0; id < p.length; id++) {
    if (p[id]! < LEAST) continue;
    ids.push(id);
    const log = Math.log(p[id]!);
    low = Math.min(low, log);
    high = Math.max(high, log);
  }
  const index = new Uint16Array(ids.length);
  const values = new Uint16Array(ids.length);
  const counts = new Uint32Array(Math.ceil(p.length / BLOCK));
  const range = high - low || 1;
  let variation = 0;
  ids.forEach((id, i) => {
    index[i] = id % BLOCK;
    values[i] = Math.round(((Math.log(p[id]!) - low) / range) * 65_535);
    counts[Math.floor(id / BLOCK)]!++;
    variation += Math.abs(Math.exp(low + (range * values[i]!) / 65_535) - p[id]!) / 2;
  });
  const top = ids.sort((a, b) => p[b]! - p[a]! || a - b).slice(0, TOP);
  return {
    kind: "distribution",
    run_id,
    step,
    stage: "model",
    n_vocab: p.length,
    codes: { data: new Uint8Array(0), shape: [0] },
    codebook: { data: new Float32Array(16), shape: [16] },
    block_counts: { data: counts, shape: [counts.length] },
    index_low: { data: index, shape: [index.length] },
    values: { data: values, shape: [values.length] },
    low,
    high: low + range,
    top_ids: { data: Uint32Array.from(top), shape: [top.length] },
    top_p: { data: Float32Array.from(top, (id) => p[id]!), shape: [top.length] },
    total_variation: variation,
  };
}
