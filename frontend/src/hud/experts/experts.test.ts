import { describe, expect, it } from "vitest";
import { Drawn } from "../../../test/drawn";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import type { AppState } from "../../state/state";
import { experts } from "./experts";

const of = (name: "mixtral" | "smollm2"): AppState => stateOf(instrumentRun(name).events);

describe("the experts instrument on a recorded run", () => {
  it("has each chosen expert's weight in its cell, and nothing elsewhere", () => {
    const drawn = new Drawn(experts, of("mixtral"));
    const { chosen, weights } = drawn.state.experts!;
    const [layers = 0, used = 0] = chosen.shape;
    const [map] = drawn.heats();
    expect([map!.columns, map!.rows]).toEqual([6, layers]);
    for (let row = 0; row < layers; row++) {
      for (let expert = 0; expert < 6; expert++) {
        const at = chosen.data.subarray(row * used, (row + 1) * used).indexOf(expert);
        const weight = at < 0 ? 0 : weights.data[row * used + at]!;
        expect(drawn.value(map!, expert, row)).toBeCloseTo(weight, 3);
      }
    }
  });

  it("selects the layer that is pressed", () => {
    const drawn = new Drawn(experts, of("mixtral"));
    const { length } = drawn.state.experts!.layer.data;
    drawn.press("layer", 0, 0.5, (length - 0.5) / length);
    expect(drawn.state.selection.layer).toBe(drawn.state.experts!.layer.data[length - 1]);
  });

  it.each([
    [320, 260, 40, 8, 128],
    [1200, 700, 61, 8, 256],
  ])("has room at %d x %d for %d layers, %d of %d experts", (width, height, layers, used, many) => {
    const state = of("mixtral");
    const floats = (n: number) => new Float32Array(n).fill(1 / used);
    state.experts = {
      ...state.experts!,
      layer: { shape: [layers], data: Uint16Array.from({ length: layers }, (_, i) => i + 1) },
      probabilities: { shape: [layers, many], data: floats(layers * many) },
      chosen: {
        shape: [layers, used],
        data: Int32Array.from({ length: layers * used }, (_, i) => (i * 7) % many),
      },
      weights: { shape: [layers, used], data: floats(layers * used) },
      counts: { shape: [layers, many], data: Uint32Array.from({ length: layers * many }, (_, i) => i % 9) },
    };
    const drawn = new Drawn(experts, state, { x: 0, y: 0, width, height });
    expect(drawn.scene.overflow).toBe(0);
    expect(drawn.scene.shapeCount).toBeLessThan(1200);
  });
});
