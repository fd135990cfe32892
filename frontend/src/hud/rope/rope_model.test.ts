import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { stateAfter } from "../../../test/monitor_run";
import type { ModelInfo, Rotation } from "../../telemetry/protocol.gen";
import { pairAt, ropeModel, speeds, tokens } from "./rope_model";
import { blockMean, pairsOf } from "./rotation";

interface Case {
  readonly name: string;
  readonly rotation: Omit<Rotation, "factors" | "layers"> & { readonly factors: readonly number[] };
  /** Of each position and pair, cos and sin. */
  readonly turned: readonly number[];
}

/** What ggml's own RoPE operation computes, written by `record_rope.py`. */
const file = new URL("../../../test/fixtures/rope.json", import.meta.url);
const recorded = JSON.parse(readFileSync(file, "utf8")) as { positions: number[]; cases: Case[] };

function rotationOf({ rotation }: Case, layers = [0, 1]): Rotation {
  return {
    ...rotation,
    layers: { data: Uint16Array.from(layers), shape: [layers.length] },
    factors: { data: Float32Array.from(rotation.factors), shape: [rotation.factors.length] },
  };
}

function modelWith(...rotations: Rotation[]): ModelInfo {
  const model = stateAfter(1).model!;
  return { ...model, lacks: {}, rope: { ...model.rope, rotations } };
}

describe("the rotation of each pair", () => {
  it.each(recorded.cases)("is what llama.cpp computes: $name", (recordedCase) => {
    const pairs = pairsOf(rotationOf(recordedCase));
    expect(pairs.count).toBe(recordedCase.rotation.dimensions / 2);
    recorded.positions.forEach((position, at) => {
      for (let pair = 0; pair < pairs.count; pair++) {
        const { cos, sin } = pairAt(pairs, pair, position);
        const o = (at * pairs.count + pair) * 2;
        // ggml multiplies the angle up in single precision: at 4,095 radians that is worth a thousandth.
        const near = 2e-6 + position * 6e-7;
        expect(Math.abs(cos - recordedCase.turned[o]!)).toBeLessThan(near);
        expect(Math.abs(sin - recordedCase.turned[o + 1]!)).toBeLessThan(near);
      }
    });
  });

  it("averages over positions as their sum does, and leaves no false wave", () => {
    for (const frequency of [1, 0.31, 1e-4, 2 * Math.PI]) {
      let sum = 0;
      for (let p = 40; p < 56; p++) sum += Math.sin(frequency * p);
      expect(blockMean(frequency, 40, 16, true)).toBeCloseTo(sum / 16, 9);
    }
    expect(blockMean(0.5, 7, 1, false)).toBeCloseTo(Math.cos(3.5), 12);
    expect(Math.abs(blockMean(1, 0, 4096, false))).toBeLessThan(0.001);
  });
});

describe("the model of the panel", () => {
  const plain = recorded.cases[0]!;
  const yarn = recorded.cases.find(({ name }) => name === "yarn")!;
  const llama3 = recorded.cases.find(({ name }) => name === "llama3")!;

  it("names what the model does", () => {
    const made = ropeModel(modelWith(rotationOf(yarn)), 0);
    if (!("pairs" in made)) throw new Error("no model");
    expect(made.facts).toContainEqual(["scaling", "YaRN ÷ 4"]);
    expect(made.facts).toContainEqual(["magnitude", "1.1386"]);
    const third = ropeModel(modelWith(rotationOf(llama3)), 0);
    expect("facts" in third && third.facts).toContainEqual(["factors", "÷ 1 – 8"]);
    const first = ropeModel(modelWith(rotationOf(plain)), 0);
    expect("shown" in first && first.shown[0]).toBe("6.28");
    expect("facts" in first && first.facts.some(([name]) => name === "magnitude")).toBe(false);
  });

  it("follows the layer, and says of a layer that it does not rotate", () => {
    const model = modelWith(rotationOf(plain, [0, 2]), rotationOf(yarn, [1]));
    const second = ropeModel(model, 1);
    expect("rotation" in second && second.rotation.dimensions).toBe(128);
    expect(ropeModel(model, 5)).toContain("layer 5 does not rotate");
  });

  it("says so of a model without rotations, or without attention", () => {
    const model = modelWith();
    const none = { ...model, rope: { ...model.rope, kind: "none" } };
    expect(ropeModel(none, 0)).toContain("n/a · no rotary embedding");
    expect(ropeModel({ ...none, lacks: { attention: "no" } }, 0)).toContain("n/a · no attention");
    expect(ropeModel(null, 0)).toContain("no model");
  });

  it("tells pairs that came round from those that never will", () => {
    const lengths = Float64Array.of(6, 60, 600, 6000);
    expect(speeds(lengths, 60, 1024)).toEqual([2, 1]);
    expect(speeds(lengths, 0, 100_000)).toEqual([0, 0]);
  });

  it("writes wavelengths to be read", () => {
    expect([6.2832, 41.23, 9876, 54_410.2, 3.2e6].map(tokens)).toEqual([
      "6.28",
      "41.2",
      "9 876",
      "54 410",
      "3.20 M",
    ]);
  });
});
