/** Curves of motion: pure functions of elapsed time. */

export function clamp01(x: number): number {
  return Math.min(1, Math.max(0, x));
}

/** Slow, fast, slow; flat at both ends. */
export function easeInOut(x: number): number {
  const t = clamp01(x);
  return t * t * (3 - 2 * t);
}

export function easeOut(x: number): number {
  const t = 1 - clamp01(x);
  return 1 - t * t * t;
}

/** Brightness of a flash `age` seconds after its token: up in 80 ms, down in 400. */
export function flash(age: number): number {
  if (age < 0) return 0;
  if (age < 0.08) return easeInOut(age / 0.08);
  const left = 1 - clamp01((age - 0.08) / 0.4);
  return left * left * left;
}

/** A value that moves to a goal without overshooting: a critically damped spring, in closed form. */
export class Glide {
  /** Where it was at the time it was last followed to. */
  value = 0;
  private from = 0;
  private speed = 0;
  private since = 0;

  /** @param quickness inverse seconds: it has come about 90 % of the way after 4 / quickness. */
  constructor(
    private goal: number,
    private quickness = 12,
  ) {
    this.from = goal;
    this.value = goal;
  }

  /** Its place at `time` becomes its `value`: a fraction that is given back is put on the heap, in each frame. */
  follow(time: number): void {
    const t = Math.max(0, time - this.since);
    const x = this.from - this.goal;
    this.value = this.goal + (x + (this.speed + this.quickness * x) * t) * Math.exp(-this.quickness * t);
  }

  at(time: number): number {
    this.follow(time);
    return this.value;
  }

  private speedAt(time: number): number {
    const t = Math.max(0, time - this.since);
    const k = this.quickness;
    const x = this.from - this.goal;
    return (this.speed - (this.speed + k * x) * k * t) * Math.exp(-k * t);
  }

  /** Where it is going. */
  get target(): number {
    return this.goal;
  }

  aim(goal: number, time: number, quickness = this.quickness): void {
    const from = this.at(time);
    this.speed = this.speedAt(time);
    this.from = from;
    this.goal = goal;
    this.quickness = quickness;
    this.since = time;
  }

  /** Goes there at once, without motion. */
  jump(value: number): void {
    this.goal = value;
    this.from = value;
    this.speed = 0;
  }
}
