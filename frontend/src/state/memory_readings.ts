import type { MemoryUsage } from "../telemetry/protocol.gen";
import { Ring } from "./ring";
import type { Keyframe } from "./state";

/** Readings held: about four minutes of decoding. */
const CAPACITY = 512;
/** Seconds. One is taken every half second while somebody looks; after more than this nobody did. */
const HOLDS = 3;

/** What the memory held, reading by reading: the server keeps none, so a past moment has its own from here. */
export class MemoryReadings {
  private readonly held = new Ring<Keyframe<MemoryUsage>>(CAPACITY);

  add(event: MemoryUsage, arrived: number): void {
    this.held.push({ event, arrived });
  }

  /** The reading that stood at clock time `time`; null where none was taken. */
  at(time: number): MemoryUsage | null {
    for (let i = this.held.length - 1; i >= 0; i--) {
      const { event, arrived } = this.held.at(i)!;
      if (arrived <= time) return time - arrived <= HOLDS ? event : null;
    }
    return null;
  }

  clear(): void {
    this.held.clear();
  }
}
