import { describe, expect, it } from "vitest";
import { CLOUD_RADIUS, normalise, ParticleLayout } from "./particle_layout";

function cloud(count: number, scale: number, shift: number): { points: Float32Array; radius: Float32Array } {
  const points = new Float32Array(3 * count);
  const radius = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    const angle = i * 2.39996;
    const r = scale * Math.sqrt(i / count);
    points.set(
      [shift + r * Math.cos(angle), shift + r * Math.sin(angle), shift + ((i % 7) - 3) * 0.01 * scale],
      3 * i,
    );
    radius[i] = 0.02 * scale;
  }
  return { points, radius };
}

describe("normalise", () => {
  it("gives the same cloud whatever the units and the origin", () => {
    const a = cloud(3000, 1, 0);
    const b = cloud(3000, 40, 12);
    const [x, y] = [normalise(a.points, a.radius), normalise(b.points, b.radius)];
    for (let i = 0; i < x.length; i += 17) expect(y[i]).toBeCloseTo(x[i]!, 2);
  });

  it("puts 99 % within the cloud's radius", () => {
    const { points, radius } = cloud(3000, 5, 3);
    const out = normalise(points, radius);
    let inside = 0;
    for (let i = 0; i < 3000; i++) {
      if (Math.hypot(out[4 * i]!, out[4 * i + 1]!, out[4 * i + 2]!) <= CLOUD_RADIUS * 1.0001) inside++;
    }
    expect(inside / 3000).toBeGreaterThan(0.985);
    expect(inside / 3000).toBeLessThan(0.995);
  });

  it("turns the longest axis to x and the shortest to z, however the cloud lay", () => {
    const flat = new Float32Array(3 * 4000);
    for (let i = 0; i < 4000; i++) {
      const [u, v] = [((i * 0.618) % 1) ** 2, (i * 0.755) % 1];
      flat.set([0.2 * v, 3 * u - 0.01 * (i % 9), 1.2 * v * v], 3 * i);
    }
    const turned = flat.map((_, i) => flat[3 * Math.floor(i / 3) + ((i + 1) % 3)]!);
    const radius = new Float32Array(4000).fill(0.1);
    const [a, b] = [normalise(flat, radius), normalise(turned, radius)];
    const spread = [0, 1, 2].map((axis) => {
      let sum = 0;
      for (let i = 0; i < 4000; i++) sum += a[4 * i + axis]! ** 2;
      return sum;
    });
    expect(spread[0]).toBeGreaterThan(spread[1]!);
    expect(spread[1]).toBeGreaterThan(spread[2]!);
    for (let i = 0; i < a.length; i += 37) expect(b[i]).toBeCloseTo(a[i]!, 3);
  });

  it("survives numbers that are none, and a cloud that is a point", () => {
    const points = new Float32Array([Number.NaN, 1, 2, 0, Number.POSITIVE_INFINITY, 0, 1, 1, 1]);
    expect([...normalise(points, new Float32Array([Number.NaN, 1, 1]))].every(Number.isFinite)).toBe(true);
    expect([...normalise(new Float32Array(9), new Float32Array(3))].every(Number.isFinite)).toBe(true);
  });
});

describe("ParticleLayout", () => {
  const first = new Float32Array([0, 0, 0, 0.1]);
  const second = new Float32Array([4, 0, 0, 0.3]);
  const third = new Float32Array([0, 8, 0, 0.1]);

  function placeAt(layout: ParticleLayout, time: number): number[] {
    const out = new Float32Array(3);
    layout.place(0, layout.morph(time, false), out, 0);
    return [...out];
  }

  it("moves from one layout to the next in two and a half seconds", () => {
    const layout = new ParticleLayout(first);
    layout.morphTo(second, 10);
    expect(placeAt(layout, 10)).toEqual([0, 0, 0]);
    expect(placeAt(layout, 11.25)[0]).toBeCloseTo(2);
    expect(placeAt(layout, 12.5)).toEqual([4, 0, 0]);
  });

  it("sets out from where the particles are when a layout comes on the way", () => {
    const layout = new ParticleLayout(first);
    layout.morphTo(second, 10);
    const here = placeAt(layout, 11);
    layout.morphTo(third, 11);
    expect(placeAt(layout, 11)[0]).toBeCloseTo(here[0]!, 5);
    expect(placeAt(layout, 20)).toEqual([0, 8, 0]);
  });

  it("cuts when motion is unwelcome", () => {
    const layout = new ParticleLayout(first);
    layout.morphTo(second, 10);
    expect(layout.morph(10, true)).toBe(1);
  });
});
