import type { Distribution } from "../telemetry/protocol.gen";

const BLOCK = 65536;

/** Probability of one token as the event tells it. */
export function probabilityOf(event: Distribution, token: number): number {
  const top = event.top_ids.data.indexOf(token);
  if (top >= 0) return event.top_p.data[top] ?? 0;
  const listed = findListed(event, token);
  if (listed >= 0) return listedProbability(event, listed);
  return codedProbability(event, token);
}

/** Square roots of all probabilities into `out`, at least `n_vocab` long. */
export function lightsOf(event: Distribution, out: Float32Array): void {
  const codes = event.codes.data;
  const roots = event.codebook.data.map(Math.sqrt);
  const size = Math.min(event.n_vocab, out.length);
  if (codes.length === 0) out.fill(0);
  else {
    for (let token = 0; token < size; token++) {
      const pair = codes[token >> 1]!;
      out[token] = roots[token & 1 ? pair >> 4 : pair & 15]!;
    }
  }
  let entry = 0;
  for (let block = 0; block < event.block_counts.data.length; block++) {
    const end = Math.min(entry + (event.block_counts.data[block] ?? 0), event.index_low.data.length);
    for (; entry < end; entry++) {
      const token = block * BLOCK + (event.index_low.data[entry] ?? 0);
      if (token < size) out[token] = Math.sqrt(listedProbability(event, entry));
    }
  }
  event.top_ids.data.forEach((token, rank) => {
    if (token < size) out[token] = Math.sqrt(event.top_p.data[rank] ?? 0);
  });
}

function codedProbability(event: Distribution, token: number): number {
  const pair = event.codes.data[token >> 1];
  // A sampler's distribution lists all it has and carries no codes.
  if (pair === undefined || token < 0 || token >= event.n_vocab) return 0;
  return event.codebook.data[token & 1 ? pair >> 4 : pair & 15] ?? 0;
}

function listedProbability(event: Distribution, entry: number): number {
  const value = (event.values.data[entry] ?? 0) / 65535;
  return Math.exp(event.low + (event.high - event.low) * value);
}

/** Place of a token in the list, by bisection within its block; -1 if it is not listed. */
function findListed(event: Distribution, token: number): number {
  const block = Math.floor(token / BLOCK);
  const counts = event.block_counts.data;
  let low = 0;
  for (let i = 0; i < block && i < counts.length; i++) low += counts[i] ?? 0;
  let high = low + (counts[block] ?? 0);
  const wanted = token % BLOCK;
  const ids = event.index_low.data;
  while (low < high) {
    const middle = (low + high) >> 1;
    const id = ids[middle] ?? 0;
    if (id === wanted) return middle;
    if (id < wanted) low = middle + 1;
    else high = middle;
  }
  return -1;
}
