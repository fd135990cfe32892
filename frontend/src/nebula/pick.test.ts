import { describe, expect, it } from "vitest";
import type { Distribution, NdArray } from "../telemetry/protocol.gen";
import { Camera } from "./camera";
import { ParticleLayout } from "./particle_layout";
import { Picker } from "./pick";

function array<T extends ArrayLike<number>>(data: T): NdArray<T> {
  return { data, shape: [data.length] };
}

/** Tokens with the given probabilities, listed exactly; the others have none. */
function distribution(count: number, p: Record<number, number>): Distribution {
  const ids = Object.keys(p).map(Number);
  return {
    kind: "distribution",
    run_id: "r",
    step: 0,
    stage: "model",
    n_vocab: count,
    codes: array(new Uint8Array(0)),
    codebook: array(new Float32Array(16)),
    block_counts: array(new Uint32Array([0])),
    index_low: array(new Uint16Array(0)),
    values: array(new Uint16Array(0)),
    low: 0,
    high: 0,
    top_ids: array(new Uint32Array(ids)),
    top_p: array(new Float32Array(Object.values(p))),
    total_variation: 0,
  };
}

describe("Picker", () => {
  const camera = new Camera();
  camera.height = 720;
  const pose = camera.at(0, true);
  const behind = [2, 6, 10].map((i) => pose.view[i]! * (pose.depth + 5));
  // Token 0 in the middle, 1 a little beside it, 2 far off, 3 behind the camera, on its axis.
  const places = new Float32Array([0, 0, 0, 0.1, 0.05, 0.05, 0, 0.1, 4, 2, 0, 0.1, ...behind, 0.1]);
  const layout = new ParticleLayout(places);
  const centre = [640, 360];
  const pick = (x: number, y: number, p: Record<number, number>) =>
    new Picker().pick(x, y, 18, distribution(4, p), layout, 1, pose, centre);

  it("finds the particle under the pointer and tells where it is", () => {
    const found = pick(642, 357, { 0: 0.5, 2: 0.5 })!;
    expect(found.id).toBe(0);
    expect(found.probability).toBeCloseTo(0.5);
    expect(found.x).toBeCloseTo(640, 3);
    expect(found.y).toBeCloseTo(360, 3);
  });

  it("finds it again at the place it told, wherever that is", () => {
    const m = pose.view;
    const [x, y, z] = [4, 2, 0];
    const row = (r: number) => m[r]! * x + m[4 + r]! * y + m[8 + r]! * z + m[12 + r]!;
    const found = pick(640 - (row(0) * pose.focal) / row(2), 360 + (row(1) * pose.focal) / row(2), {
      2: 0.9,
    })!;
    expect(found.id).toBe(2);
  });

  it("prefers the brighter of two that are as near", () => {
    expect(pick(641, 359, { 0: 0.9, 1: 1e-6 })!.id).toBe(0);
    expect(pick(641, 359, { 0: 1e-6, 1: 0.9 })!.id).toBe(1);
  });

  it("finds nothing in the dark, far off or behind the camera", () => {
    expect(pick(640, 360, { 0: 1e-12 })).toBeNull();
    expect(pick(100, 100, { 0: 1 })).toBeNull();
    expect(pick(640, 360, { 3: 1 })).toBeNull();
  });
});
