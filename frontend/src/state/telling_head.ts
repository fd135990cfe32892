import type { HeadSummary } from "../telemetry/protocol.gen";
import { headSuggested } from "./reduce";
import type { AppState } from "./state";

/** A key is a place to park attention, as the first one is, when more than this share of all heads look there most. */
const PARKED = 1 / 20;
/** Of small models so few heads are no crowd. */
const NO_CROWD = 2;

/** Summaries that were looked through in vain: every frame would do so again. */
const fruitless = new WeakSet<HeadSummary>();

export interface HeadPlace {
  readonly layer: number;
  readonly head: number;
}

/**
 * The head to begin with: of the middle half of the layers, the one with the greatest weight on a single token that
 * it had to find. The first token, the query itself, the one just before it, and a key where a crowd of heads parks
 * its attention take no finding. Of all layers where the middle ones have no such head; null where none has.
 */
export function tellingHead(heads: HeadSummary): HeadPlace | null {
  const layers = heads.entropy.shape[0] ?? 0;
  const middle = best(heads, Math.ceil(layers / 4), Math.ceil((3 * layers) / 4));
  return middle ?? best(heads, 0, layers);
}

/** Of the layers from `from` to before `end`. */
function best(heads: HeadSummary, from: number, end: number): HeadPlace | null {
  const { position, entropy, peak, peak_weight } = heads;
  const perLayer = entropy.shape[1] ?? 0;
  const crowds = looksAt(heads);
  let weight = 0;
  let at = -1;
  for (let i = from * perLayer; i < end * perLayer; i++) {
    const key = peak.data[i]!;
    const found = key > 0 && key < position - 1 && !crowds.has(key);
    if (!found || Number.isNaN(entropy.data[i]!) || peak_weight.data[i]! <= weight) continue;
    weight = peak_weight.data[i]!;
    at = i;
  }
  return at < 0 ? null : { layer: Math.floor(at / perLayer), head: at % perLayer };
}

/** The keys where a crowd of heads looks. */
function looksAt({ entropy, peak }: HeadSummary): ReadonlySet<number> {
  const counts = new Map<number, number>();
  let present = 0;
  for (let i = 0; i < peak.data.length; i++) {
    // A layer that lacks the head has no entropy.
    if (Number.isNaN(entropy.data[i]!)) continue;
    present++;
    counts.set(peak.data[i]!, (counts.get(peak.data[i]!) ?? 0) + 1);
  }
  const most = Math.max(NO_CROWD, present * PARKED);
  return new Set([...counts].filter(([, count]) => count > most).map(([key]) => key));
}

/**
 * Once a model, on a live run whose prompt is processed: select the head to begin with, unless the address or a
 * person has named one. True when it did.
 */
export function suggestHead(state: AppState): boolean {
  const { selection, model, run, heads } = state;
  if (!model || selection.named || selection.suggestedFor === model.id) return false;
  if (!run?.prefill || !heads || fruitless.has(heads) || !isLive(state)) return false;
  if (heads.position < run.started.prompt_ids.data.length - 1) return false;
  const place = tellingHead(heads);
  if (!place) {
    fruitless.add(heads);
    return false;
  }
  headSuggested(state, place.layer, place.head);
  return true;
}

/** A recording, also one that a server streams, may lack the head that its summary recommends. */
function isLive({ connection, control, right }: AppState): boolean {
  return connection.phase === "open" && (control || right === "viewer");
}
