import { describe, expect, it } from "vitest";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import {
  BARS,
  change,
  focusModel,
  norm,
  place,
  pulseAt,
  pulseModel,
  scaleNames,
  tokenOfPass,
  USUAL,
  widen,
} from "./pulse_model";

const all = ["smollm2", "gemma3", "gpt_oss", "mamba", "mixtral"] as const;
const RUNS = all.map((name) => ({ name, ...instrumentRun(name) }));

describe.each(RUNS)("the pulse of $name", ({ events, expected }) => {
  const state = stateOf(events);
  const model = pulseModel(state.layers!);

  it("puts every norm where NumPy puts it on the scale", () => {
    expect(model.norms).toHaveLength(expected.places.data.length);
    model.norms.forEach((value, i) => {
      const at = expected.places.data[i]!;
      if (Number.isNaN(at)) expect(value).toBeNaN();
      else expect(place(USUAL, value)).toBeCloseTo(at, 6);
    });
  });

  it("lets the strongest of each column stand out", () => {
    for (let bar = 0; bar < BARS; bar++) {
      const rows = [...Array(model.count).keys()].filter((row) => model.strong[row * BARS + bar] === 1);
      expect(rows).toEqual(expected.strong[bar]);
    }
  });

  it("shows the last layer's output and change", () => {
    const { output_norm, residual_change } = state.layers!;
    expect(model.output).toBe(norm(output_norm.data[model.count - 1]!));
    expect(model.residual).toBe(change(residual_change.data[model.count - 1]!));
  });

  it("marks each head's focus as NumPy does, within what its window lets it see", () => {
    if (!state.heads) {
      expect(state.model!.n_head).toBe(0);
      return;
    }
    const focus = focusModel(state.heads, state.model!.windows.data, 64);
    expect([focus.headsPerMark, focus.columns]).toEqual([1, state.heads.entropy.shape[1]]);
    for (const [i, mark] of focus.marks.entries()) expect(mark).toBeCloseTo(expected.focus.data[i]!, 5);
  });
});

describe("the pulse", () => {
  const { events } = RUNS[0]!;
  const state = stateOf(events, 0.05);
  const model = pulseModel(state.layers!);

  it("says that a model without attention lacks the parts, not that they are 0", () => {
    const mamba = stateOf(RUNS[3]!.events);
    const { norms } = pulseModel(mamba.layers!);
    expect([norms[0], norms[1]]).toEqual([Number.NaN, Number.NaN]);
    expect(norms[2]).toBeGreaterThan(0);
    expect(mamba.heads).toBeNull();
    expect(mamba.model!.lacks.attention_out).toContain("one step");
  });

  it("takes the time that the token took, from when it came", () => {
    const row = tokenOfPass(state, model.position)!;
    expect(row.event.position).toBe(model.position + 1);
    const { decode_seconds: seconds } = row.event;
    expect(pulseAt(row, 30, row.arrived)).toBe(0);
    expect(pulseAt(row, 30, row.arrived + seconds / 2)).toBeCloseTo(15, 6);
    expect(pulseAt(row, 30, row.arrived + seconds)).toBe(30);
    expect(pulseAt(row, 30, row.arrived + 9)).toBe(30);
  });

  it("knows no token of a pass within the prompt, or of one that is gone", () => {
    expect(tokenOfPass(state, 3)).toBeUndefined();
    expect(tokenOfPass(state, model.position + 1)).toBeUndefined();
  });

  it("makes its scale longer for what lies outside, never shorter, and says so", () => {
    const within = { ...model, norms: Float32Array.of(2, 999, Number.NaN) };
    expect(widen(USUAL, within)).toBe(USUAL);
    expect(scaleNames(USUAL)[0]).toBe("L2 norm · log 1 – 1000");
    const longer = widen(USUAL, { ...model, norms: Float32Array.of(0.05, 12_000) });
    expect(longer.low).toBeCloseTo(0.01, 9);
    expect(longer.high).toBe(100_000);
    expect(scaleNames(longer)[0]).toBe("L2 norm · log .01 – 1e5 · extended");
    expect(widen(longer, within)).toBe(longer);
    expect(place(longer, 0)).toBe(0);
  });

  it("condenses more heads than there are marks to the sharpest of each", () => {
    const entropy = Float32Array.from([0, Math.log(8), Math.log(8), Math.log(8) / 2, 0.1]);
    const heads = { ...state.heads!, position: 7, entropy: { data: entropy, shape: [1, 5] } };
    const focus = focusModel(heads, [], 2);
    expect([focus.headsPerMark, focus.columns]).toEqual([3, 2]);
    expect(focus.marks[0]).toBe(1);
    expect(focus.marks[1]).toBeCloseTo((1 - 0.1 / Math.log(8)) ** 2.1, 6);
  });
});
