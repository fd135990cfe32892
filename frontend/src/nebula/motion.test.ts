import { describe, expect, it } from "vitest";
import { LightClock } from "./light_clock";
import { easeInOut, flash, Glide } from "./motion";

describe("flash", () => {
  it("rises in 80 ms and is gone 400 ms later", () => {
    expect(flash(-0.01)).toBe(0);
    expect(flash(0.08)).toBeCloseTo(1);
    expect(flash(0.28)).toBeLessThan(0.2);
    expect(flash(0.481)).toBe(0);
  });

  it("never jumps", () => {
    for (let t = 0; t < 0.6; t += 0.001) expect(Math.abs(flash(t + 0.001) - flash(t))).toBeLessThan(0.03);
  });
});

describe("Glide", () => {
  it("reaches its goal and does not overshoot from rest", () => {
    const glide = new Glide(0, 10);
    glide.aim(1, 5);
    expect(glide.at(5)).toBe(0);
    for (let t = 5; t < 7; t += 0.01) expect(glide.at(t)).toBeLessThanOrEqual(1);
    expect(glide.at(7)).toBeCloseTo(1, 4);
  });

  it("keeps place and speed when aimed anew on the way", () => {
    const glide = new Glide(0, 10);
    glide.aim(1, 0);
    const h = 1e-5;
    const before = glide.at(0.1);
    const speed = (before - glide.at(0.1 - h)) / h;
    glide.aim(-3, 0.1);
    expect(glide.at(0.1)).toBeCloseTo(before, 9);
    expect((glide.at(0.1 + h) - before) / h).toBeCloseTo(speed, 1);
  });

  it("depends on the time alone, not on how often it was asked", () => {
    const a = new Glide(0, 8);
    const b = new Glide(0, 8);
    a.aim(2, 1);
    b.aim(2, 1);
    for (let t = 1; t < 1.3; t += 0.007) a.at(t);
    expect(a.at(1.3)).toBe(b.at(1.3));
  });
});

describe("LightClock", () => {
  it("eases over the time between the last two keyframes", () => {
    const clock = new LightClock();
    clock.keyframe(10);
    clock.keyframe(10.2);
    expect(clock.ease(10.2, false)).toBe(0);
    expect(clock.ease(10.3, false)).toBeCloseTo(0.5);
    expect(clock.ease(10.4, false)).toBe(1);
  });

  it("takes neither forever after a pause nor no time at all after a burst", () => {
    const clock = new LightClock();
    clock.keyframe(0);
    clock.keyframe(100);
    expect(clock.ease(100.6, false)).toBe(1);
    clock.keyframe(100.6001);
    expect(clock.ease(100.605, false)).toBeLessThan(1);
  });

  it("cuts when motion is unwelcome", () => {
    const clock = new LightClock();
    clock.keyframe(1);
    expect(clock.ease(1, true)).toBe(1);
  });
});

describe("easeInOut", () => {
  it("is flat at both ends and symmetric", () => {
    expect(easeInOut(0.001)).toBeLessThan(0.00001);
    expect(easeInOut(0.3) + easeInOut(0.7)).toBeCloseTo(1);
    expect(easeInOut(-1)).toBe(0);
    expect(easeInOut(2)).toBe(1);
  });
});
