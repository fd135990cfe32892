/** Easings and springs: pure functions of elapsed time, so that a frame can be drawn again exactly. */

export function clamp01(t: number): number {
  return Math.min(Math.max(t, 0), 1);
}

/** 0 before `start`, 1 after `start + duration`. */
export function progress(now: number, start: number, duration: number): number {
  return duration <= 0 ? (now < start ? 0 : 1) : clamp01((now - start) / duration);
}

export function easeOutCubic(t: number): number {
  return 1 - (1 - clamp01(t)) ** 3;
}

export function easeInCubic(t: number): number {
  return clamp01(t) ** 3;
}

export function easeInOutCubic(t: number): number {
  const u = clamp01(t);
  return u < 0.5 ? 4 * u ** 3 : 1 - (-2 * u + 2) ** 3 / 2;
}

/** Overshoots and settles (Penner's elastic, period 0.3). */
export function easeOutElastic(t: number): number {
  const u = clamp01(t);
  if (u === 0 || u === 1) return u;
  return 2 ** (-10 * u) * Math.sin(((u - 0.075) * 2 * Math.PI) / 0.3) + 1;
}

export function easeOutBack(t: number): number {
  const u = clamp01(t) - 1;
  return 1 + 2.70158 * u ** 3 + 1.70158 * u ** 2;
}

/** (1 + x)e^-x falls to 0.02 here: what turns a settling time into a frequency. */
const SETTLED = 5.834;

/**
 * A critically damped spring in closed form: x(t) = target + (a + b t) e^(-wt).
 * `value` and `velocity` are overwritten by each call, so nothing is allocated.
 */
export class Spring {
  value = 0;
  velocity = 0;
  private readonly frequency: number;

  /** `settle`: seconds until a step of 1 is within 0.02 of its end. */
  constructor(settle: number) {
    this.frequency = SETTLED / settle;
  }

  rest(at: number): this {
    this.value = at;
    this.velocity = 0;
    return this;
  }

  /** Lets `elapsed` seconds pass while pulled towards `target`. */
  advance(target: number, elapsed: number): this {
    if (elapsed <= 0) return this;
    const w = this.frequency;
    const a = this.value - target;
    const b = this.velocity + w * a;
    const decay = Math.exp(-w * elapsed);
    this.value = target + (a + b * elapsed) * decay;
    this.velocity = (b - w * (a + b * elapsed)) * decay;
    return this;
  }
}
