import type { MemoryUsage } from "../telemetry/protocol.gen";

/** Readings held: about four minutes of decoding. */
const CAPACITY = 512;
/** Seconds. One is taken every half second while somebody looks; after more than this nobody did. */
const HOLDS = 3;

/**
 * What a model's process held, reading by reading, the newest ones: the history on show, and the memory of a past
 * moment whose token the page holds; an older one's comes with the moment. Nothing is allocated once it is made.
 */
export class MemoryReadings {
  private readonly events: (MemoryUsage | null)[] = new Array(CAPACITY).fill(null);
  private readonly times = new Float64Array(CAPACITY);
  private next = 0;
  length = 0;
  /** Of the resident sizes, in bytes. */
  least = Number.POSITIVE_INFINITY;
  most = 0;

  /** `time` is the page's clock. */
  add(event: MemoryUsage, time: number): void {
    // Another model's process has a history of its own.
    if (this.length > 0 && this.event(this.length - 1).weights !== event.weights) this.clear();
    // What stood, and was news at the same time.
    if (this.length > 0 && this.time(this.length - 1) === time) this.drop();
    this.events[this.next] = event;
    this.times[this.next] = time;
    this.next = (this.next + 1) % CAPACITY;
    this.length = Math.min(this.length + 1, CAPACITY);
    this.measure();
  }

  /** The reading that stood at a time; null where none was taken. */
  at(time: number): MemoryUsage | null {
    for (let i = this.length - 1; i >= 0; i--) {
      if (this.time(i) <= time) return time - this.time(i) <= HOLDS ? this.event(i) : null;
    }
    return null;
  }

  /** Resident bytes; 0 is the oldest held. */
  size(i: number): number {
    return this.event(i).process_resident;
  }

  time(i: number): number {
    return this.times[this.slot(i)]!;
  }

  /** Readings from before a time count no more, but the one that stood then: it is told again to who begins there. */
  forget(before: number): void {
    while (this.length > 1 && this.time(1) <= before) this.length--;
    if (this.length > 0) this.times[this.slot(0)] = Math.max(this.time(0), before);
    this.measure();
  }

  clear(): void {
    this.events.fill(null);
    this.length = 0;
    this.measure();
  }

  private drop(): void {
    this.length--;
    this.next = (this.next + CAPACITY - 1) % CAPACITY;
  }

  private event(i: number): MemoryUsage {
    return this.events[this.slot(i)]!;
  }

  private slot(i: number): number {
    return (this.next - this.length + i + CAPACITY) % CAPACITY;
  }

  private measure(): void {
    this.least = Number.POSITIVE_INFINITY;
    this.most = 0;
    for (let i = 0; i < this.length; i++) {
      this.least = Math.min(this.least, this.size(i));
      this.most = Math.max(this.most, this.size(i));
    }
  }
}
