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

/** The system's clock, which an export can hold still and lead from frame to frame. */
export class SteeredClock implements Clock {
  private ahead = 0;
  private held: number | null = null;

  constructor(private readonly base: Clock = systemClock) {}

  now(): number {
    return this.held ?? this.base.now() + this.ahead;
  }

  /** Stands at `time` until told otherwise. */
  hold(time: number): void {
    this.held = time;
  }

  /** Goes on from where it stands: time makes no jump. */
  release(): void {
    if (this.held !== null) this.ahead = this.held - this.base.now();
    this.held = null;
  }
}
