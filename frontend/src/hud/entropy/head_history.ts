import type { HeadHistoryReply, HeadSummary } from "../../telemetry/protocol.gen";

/** Floats held at most: 4 MiB. */
const MOST_VALUES = 1 << 20;
const MOST_POSITIONS = 512;

/** Entropies of every head at the newest positions, in nats. Nothing is allocated once it is made. */
export class HeadHistory {
  readonly capacity: number;
  /** Highest position that was ever put in; -1 before the first. */
  newest = -1;
  /** Grows with every change. */
  version = 0;
  private readonly values: Float32Array;
  /** Position that each slot holds; -1 for none. */
  private readonly held: Int32Array;

  constructor(
    readonly layers: number,
    readonly heads: number,
  ) {
    const each = Math.max(layers * heads, 1);
    this.capacity = Math.max(16, Math.min(MOST_POSITIONS, Math.floor(MOST_VALUES / each)));
    this.values = new Float32Array(this.capacity * each);
    this.held = new Int32Array(this.capacity).fill(-1);
  }

  /** The newest row of every head. */
  add({ position, entropy }: HeadSummary): void {
    if (!this.take(position)) return;
    this.values.set(entropy.data, (position % this.capacity) * this.layers * this.heads);
    this.version++;
  }

  /** One head at many positions, as the server remembers it. */
  fill({ layer, head, start, entropy }: HeadHistoryReply): void {
    entropy.data.forEach((value, i) => {
      if (Number.isNaN(value) || !this.take(start + i)) return;
      this.values[this.index(start + i, layer, head)] = value;
    });
    this.version++;
  }

  /** Nats; NaN where it is not known. */
  at(position: number, layer: number, head: number): number {
    if (position < 0 || this.held[position % this.capacity] !== position) return Number.NaN;
    return this.values[this.index(position, layer, head)]!;
  }

  private index(position: number, layer: number, head: number): number {
    return ((position % this.capacity) * this.layers + layer) * this.heads + head;
  }

  /** Makes the slot of a position its own; false for one too old to be held. */
  private take(position: number): boolean {
    if (position < 0 || position <= this.newest - this.capacity) return false;
    const slot = position % this.capacity;
    if (this.held[slot] !== position) {
      const each = this.layers * this.heads;
      this.values.fill(Number.NaN, slot * each, (slot + 1) * each);
      this.held[slot] = position;
    }
    this.newest = Math.max(this.newest, position);
    return true;
  }
}
