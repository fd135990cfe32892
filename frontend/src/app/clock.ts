/** Seconds, monotonic. All motion is a function of it, so that a frame can be drawn again exactly. */
export interface Clock {
  now(): number;
}

export const systemClock: Clock = { now: () => performance.now() / 1000 };

/** A clock that stands still until told: tests and exports draw the frame they want. */
export class ManualClock implements Clock {
  constructor(private time = 0) {}

  now(): number {
    return this.time;
  }

  set(time: number): void {
    this.time = time;
  }
}
