import { describe, expect, it } from "vitest";
import { Ring } from "../state/ring";
import type { TokenRow } from "../state/state";
import type { TokenGenerated } from "../telemetry/protocol.gen";
import { ParticleLayout } from "./particle_layout";
import { fade, interval, TRAIL_SEGMENTS, type TrailFields, TrailPath } from "./trail_path";

const COUNT = 64;

function layout(): ParticleLayout {
  const places = new Float32Array(4 * COUNT);
  for (let i = 0; i < COUNT; i++)
    places.set([Math.cos(i * 2.4) * 3, (i % 5) - 2, Math.sin(i * 2.4) * 3, 0.1], 4 * i);
  return new ParticleLayout(places);
}

function row(step: number, arrived: number, entropy = 4): TokenRow {
  const event = { token_id: (step * 7) % COUNT, probability: 0.2, entropy, step } as TokenGenerated;
  return { event, arrived };
}

function run(count: number, gap = 0.5): Ring<TokenRow> {
  const ring = new Ring<TokenRow>(128);
  for (let i = 0; i < count; i++) ring.push(row(i, i * gap));
  return ring;
}

function fields(): TrailFields {
  const scalar = () => new Float32Array(1);
  const vector = () => new Float32Array(3);
  return {
    segments: Array.from({ length: TRAIL_SEGMENTS }, () => ({
      start: vector(),
      end: vector(),
      start_tangent: vector(),
      end_tangent: vector(),
      start_light: scalar(),
      end_light: scalar(),
      progress: scalar(),
      weight: scalar(),
    })),
    flares: Array.from({ length: 4 }, () => ({
      place: vector(),
      light: scalar(),
      amount: scalar(),
      broad: scalar(),
    })),
  };
}

/** The trail through tokens that stand at these places, first to last. */
function through(...path: readonly (readonly [number, number, number])[]): TrailFields {
  const places = new Float32Array(4 * path.length);
  const tokens = new Ring<TokenRow>(128);
  path.forEach((place, i) => {
    places.set([...place, 0.1], 4 * i);
    const event = { token_id: i, probability: 0.2, entropy: 9, step: i } as TokenGenerated;
    tokens.push({ event, arrived: i });
  });
  const out = fields();
  new TrailPath().update(out, tokens, new ParticleLayout(places), 1, 99, false);
  return out;
}

function at(tokens: Ring<TokenRow>, time: number, still = false): TrailFields {
  const out = fields();
  new TrailPath().update(out, tokens, layout(), 1, time, still);
  return out;
}

describe("TrailPath", () => {
  it("joins the last tokens, newest first, without a kink", () => {
    const { segments } = at(run(40), 25);
    for (let j = 0; j + 1 < TRAIL_SEGMENTS; j++) {
      expect(segments[j]!.start).toEqual(segments[j + 1]!.end);
      expect(segments[j]!.start_tangent).toEqual(segments[j + 1]!.end_tangent);
      expect(segments[j]!.progress[0]).toBe(1);
      expect(segments[j]!.end_light[0]).toBeGreaterThan(segments[j]!.start_light[0]!);
    }
    expect(segments.at(-1)!.start_light[0]).toBe(0);
  });

  it("has as many segments as there are tokens to join", () => {
    const drawn = (count: number) => at(run(count), 99).segments.filter((s) => s.progress[0]! > 0).length;
    expect(drawn(0)).toBe(0);
    expect(drawn(1)).toBe(0);
    expect(drawn(4)).toBe(3);
    expect(drawn(100)).toBe(TRAIL_SEGMENTS);
  });

  it("does not jump when a token arrives", () => {
    const before = run(30);
    const after = run(30);
    const time = 30 * 0.5;
    after.push(row(30, time));
    const old = at(before, time).segments;
    const young = at(after, time).segments;
    expect(young[0]!.progress[0]).toBe(0);
    for (let j = 0; j + 1 < TRAIL_SEGMENTS; j++) {
      for (const key of [
        "start",
        "end",
        "start_tangent",
        "end_tangent",
        "start_light",
        "end_light",
      ] as const) {
        young[j + 1]![key].forEach((value, i) => {
          expect(value, `${key} of ${j}`).toBeCloseTo(old[j]![key][i]!, 5);
        });
      }
    }
  });

  it("turns a hairpin into a loop, and keeps a straight track straight", () => {
    const hairpin = through([0, 0, 0], [3, 0, 0], [0, 0, 0], [0, 0, 0]).segments[1]!.start_tangent;
    expect(Math.abs(hairpin[1]!)).toBeGreaterThan(2);
    expect(hairpin[0]).toBeCloseTo(0);
    const straight = through([0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]).segments[1]!;
    expect(straight.start_tangent[1]).toBeCloseTo(0);
    expect(straight.start_tangent[0]).toBeGreaterThan(0.5);
  });

  it("lets the head run for at most 400 ms, and at least 80", () => {
    const slow = run(10, 3);
    expect(at(slow, 27.35).segments[0]!.progress[0]).toBeLessThan(1);
    expect(at(slow, 27.41).segments[0]!.progress[0]).toBe(1);
    const fast = run(10, 0.02);
    expect(at(fast, 0.18 + 0.07).segments[0]!.progress[0]).toBeLessThan(1);
    expect(at(fast, 0.18 + 0.09).segments[0]!.progress[0]).toBe(1);
  });

  it("is thinner and shorter where the model was sure", () => {
    const sure = new Ring<TokenRow>(128);
    for (let i = 0; i < 30; i++) sure.push(row(i, i * 0.5, 0.02));
    const [a, b] = [at(run(30), 20).segments, at(sure, 20).segments];
    expect(b[0]!.weight[0]).toBeLessThan(0.5 * a[0]!.weight[0]!);
    expect(b[5]!.end_light[0]).toBeLessThan(0.5 * a[5]!.end_light[0]!);
  });

  it("flares at the newest token and leaves an ember", () => {
    const tokens = run(10);
    const time = 9 * 0.5;
    expect(at(tokens, time).flares[0]!.amount[0]).toBe(0);
    expect(at(tokens, time + 0.08).flares[0]!.amount[0]).toBeCloseTo(1);
    const ember = at(tokens, time + 2).flares[0]!.amount[0]!;
    expect(ember).toBeGreaterThan(0.05);
    expect(ember).toBeLessThan(0.3);
    expect(at(tokens, time + 2).flares[1]!.amount[0]).toBeLessThan(ember);
  });

  it("stands still when motion is unwelcome", () => {
    const tokens = run(10);
    expect(at(tokens, 4.5, true)).toEqual(at(tokens, 9, true));
  });
});

describe("fade", () => {
  it("falls from near one to nothing at twenty", () => {
    expect(fade(0)).toBeCloseTo(1.06);
    expect(fade(20)).toBe(0);
    for (let age = 0; age < 20; age++) expect(fade(age + 1)).toBeLessThan(fade(age));
  });
});

describe("interval", () => {
  it("is the mean of the last eight tokens", () => {
    expect(interval(run(1))).toBe(0.5);
    expect(interval(run(20, 0.1))).toBeCloseTo(0.1);
  });
});
