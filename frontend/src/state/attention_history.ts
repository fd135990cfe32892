import type { AttentionReply, AttentionWeights } from "../telemetry/protocol.gen";
import { AttentionMatrix } from "./attention_matrix";

/** One head, or the mean or maximum over a layer's heads. */
export type AttentionMode = "head" | "mean" | "max";

/** Matrices held, at most about 1 MiB each. */
const MOST_MATRICES = 24;

/** Attention as far as the page has it: a matrix for each head, or joined layer, that was looked at last. */
export class AttentionHistory {
  /** In order of use, the latest last. */
  private readonly matrices = new Map<number, AttentionMatrix>();
  /** What was used last, and its key. */
  private latest: AttentionMatrix | null = null;
  private latestKey = -1;

  get(layer: number, head: number, mode: AttentionMode = "head"): AttentionMatrix | undefined {
    return this.matrices.get(keyOf(layer, head, mode));
  }

  /** As `get`, but made when there is none, and kept longer than others. */
  use(layer: number, head: number, mode: AttentionMode = "head"): AttentionMatrix {
    const key = keyOf(layer, head, mode);
    if (this.latest && key === this.latestKey) return this.latest;
    const held = this.matrices.get(key) ?? new AttentionMatrix();
    this.matrices.delete(key);
    this.matrices.set(key, held);
    this.latest = held;
    this.latestKey = key;
    if (this.matrices.size > MOST_MATRICES) this.matrices.delete(this.matrices.keys().next().value!);
    return held;
  }

  /** Rows of the stream. */
  rows(event: AttentionWeights): void {
    this.use(event.layer, event.head).addRows(event);
  }

  /** An answer. One that nobody waits for any more is taken too, while its matrix is held. */
  reply(reply: AttentionReply): void {
    this.get(reply.layer, reply.head, reply.mode as AttentionMode)?.addReply(reply);
  }

  clear(): void {
    this.matrices.clear();
    this.latest = null;
  }
}

/** A number, since every frame asks: a text would be made anew each time. */
function keyOf(layer: number, head: number, mode: AttentionMode): number {
  return layer * 0x10000 + (mode === "head" ? head + 2 : mode === "mean" ? 1 : 0);
}
