import { describe, expect, it } from "vitest";
import { easeInOutCubic, easeOutBack, easeOutCubic, easeOutElastic, progress, Spring } from "./motion";

describe("springs", () => {
  it("agrees with its differential equation, stepped finely", () => {
    const w = 5.834 / 0.2;
    let x = 0;
    let v = 0;
    const dt = 1e-6;
    for (let t = 0; t < 0.08; t += dt) {
      v += (-2 * w * v - w * w * (x - 1)) * dt;
      x += v * dt;
    }
    const spring = new Spring(0.2).rest(0).advance(1, 0.08);
    expect(spring.value).toBeCloseTo(x, 3);
    expect(spring.velocity).toBeCloseTo(v, 1);
  });

  it("settles to 2 % in its time and never overshoots", () => {
    expect(new Spring(0.2).rest(0).advance(1, 0.2).value).toBeCloseTo(0.98, 3);
    const spring = new Spring(0.2).rest(0);
    for (let i = 0; i < 100; i++) expect(spring.advance(1, 0.01).value).toBeLessThanOrEqual(1);
  });

  it("does not mind how time is cut", () => {
    const once = new Spring(0.3).rest(0.2).advance(0.9, 0.07);
    const often = new Spring(0.3).rest(0.2);
    for (let i = 0; i < 70; i++) often.advance(0.9, 0.001);
    expect(often.value).toBeCloseTo(once.value, 10);
  });
});

describe("easings", () => {
  it("begin at 0 and end at 1", () => {
    for (const ease of [easeOutCubic, easeInOutCubic, easeOutElastic, easeOutBack]) {
      expect(ease(0)).toBeCloseTo(0, 12);
      expect(ease(1)).toBeCloseTo(1, 12);
      expect(ease(7)).toBeCloseTo(1, 12);
    }
  });

  it("elastic overshoots, cubic does not", () => {
    const at = Array.from({ length: 101 }, (_, i) => i / 100);
    expect(Math.max(...at.map(easeOutElastic))).toBeGreaterThan(1.1);
    expect(Math.max(...at.map(easeOutCubic))).toBe(1);
  });

  it("clamps progress", () => {
    expect([progress(0, 1, 2), progress(2, 1, 2), progress(9, 1, 2)]).toEqual([0, 0.5, 1]);
    expect(progress(5, 5, 0)).toBe(1);
  });
});
