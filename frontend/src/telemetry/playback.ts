/** Speeds that can be chosen. */
export const SPEEDS = [0.25, 0.5, 1, 2, 4, 8] as const;

/** Where a replay is and how it goes on: a clock of its own, that can be halted, hurried and set. */
export class Playback {
  /** Seconds from the run's start. */
  time = 0;
  playing = false;
  speed = 1;
  /** The run goes on: at what is its end by now, playing waits for more. */
  growing = false;
  private last = Number.NaN;

  constructor(
    /** Seconds from the run's start to its newest frame. */
    public duration: number,
  ) {}

  /** Plays on; from the beginning once it is through. */
  play(): void {
    if (this.time >= this.duration && !this.growing) this.time = 0;
    this.playing = true;
    this.last = Number.NaN;
  }

  pause(): void {
    this.playing = false;
  }

  seek(time: number): void {
    this.time = Math.min(Math.max(time, 0), this.duration);
  }

  /** One of `SPEEDS` more, or fewer. */
  changeSpeed(by: number): void {
    const at = SPEEDS.indexOf(this.speed as (typeof SPEEDS)[number]);
    this.speed = SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)]!;
  }

  /** `wall` is the page's clock; `until` is how far the recording is here. Pauses at the end. */
  advance(wall: number, until: number): void {
    const passed = Number.isNaN(this.last) ? 0 : Math.max(0, wall - this.last);
    this.last = wall;
    if (!this.playing) return;
    this.time = Math.min(this.time + passed * this.speed, Math.max(until, this.time), this.duration);
    if (this.time >= this.duration && !this.growing) this.playing = false;
  }
}
