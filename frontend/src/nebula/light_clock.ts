import { easeInOut } from "./motion";

const SHORTEST = 1 / 60;
const LONGEST = 0.6;

/** When the light of the last keyframe began to turn into that of the newest, and how fast. */
export class LightClock {
  private since = Number.NEGATIVE_INFINITY;
  private seconds = LONGEST;

  /** A keyframe came; the next easing takes as long as it was after the one before. */
  keyframe(arrived: number): void {
    if (arrived === Number.NEGATIVE_INFINITY) {
      this.rest(arrived);
      return;
    }
    const gap = arrived - this.since;
    this.seconds = Math.min(LONGEST, Math.max(SHORTEST, gap));
    this.since = arrived;
  }

  /** A keyframe that had come to rest at `arrived`. */
  rest(arrived: number): void {
    this.since = arrived;
    this.seconds = SHORTEST;
  }

  /** Darkness that has always been. */
  begin(): void {
    this.since = Number.NEGATIVE_INFINITY;
    this.seconds = LONGEST;
  }

  ease(time: number, still: boolean): number {
    return still ? 1 : easeInOut((time - this.since) / this.seconds);
  }
}
