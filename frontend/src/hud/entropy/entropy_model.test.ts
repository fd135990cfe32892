import { describe, expect, it } from "vitest";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import { brightness, entropyModel, shareOf } from "./entropy_model";
import { HeadHistory } from "./head_history";

const RUNS = (["smollm2", "gemma3", "gpt_oss", "mixtral"] as const).map((name) => ({
  name,
  ...instrumentRun(name),
}));

describe.each(RUNS)("the entropy map of $name", ({ events, expected }) => {
  const state = stateOf(events);
  const model = entropyModel(state.heads!, state.model, 24);

  it("lights each head as NumPy does, within what its window lets it see", () => {
    expect(model.share).toHaveLength(expected.focus.data.length);
    for (let i = 0; i < model.share.length; i++) {
      expect(brightness(model, i, false) ** 2.1).toBeCloseTo(expected.focus.data[i]!, 5);
    }
  });

  it("in nats, is on one scale for all layers: up to the context's logarithm", () => {
    const { entropy } = state.heads!;
    for (let i = 0; i < entropy.data.length; i++) {
      expect(brightness(model, i, true)).toBeCloseTo(1 - entropy.data[i]! / Math.log(state.model!.n_ctx), 5);
    }
  });

  it("finds the heads that look at one token only, and at everything", () => {
    const shares = [...model.share.keys()].sort((a, b) => model.share[a]! - model.share[b]!);
    expect(model.sharpest[0]!.peakWeight).toBe(Math.max(...state.heads!.peak_weight.data));
    expect(model.widest[0]!.share).toBe(model.share[shares.at(-1)!]!);
    const { layer, head, peak, peakWeight } = model.sharpest[0]!;
    const i = layer * model.heads + head;
    expect(peak).toBe(state.heads!.peak.data[i]);
    expect(peakWeight).toBe(state.heads!.peak_weight.data[i]);
    expect(model.focused).toBe(state.heads!.peak_weight.data.filter((weight) => weight >= 0.9).length);
    expect(model.even).toBe(model.share.filter((share) => share >= 0.9).length);
    expect(model.known).toBe(model.layers * model.heads);
  });
});

describe("the entropy map", () => {
  it("leaves out heads that a layer lacks", () => {
    const { heads, model } = stateOf(RUNS[0]!.events);
    const data = heads!.entropy.data.slice();
    data[4] = Number.NaN;
    const lacking = entropyModel({ ...heads!, entropy: { ...heads!.entropy, data } }, model, 24);
    expect(brightness(lacking, 4, false)).toBeNaN();
    expect(lacking.known).toBe(data.length - 1);
    expect(lacking.sharpest.some(({ layer, head }) => layer === 0 && head === 4)).toBe(false);
  });

  it("counts a head that sees one key alone as focused", () => {
    expect(shareOf(0, 0)).toBe(0);
    expect(shareOf(Number.NaN, 3)).toBeNaN();
  });

  it("says what the scale is", () => {
    const { heads, model } = stateOf(RUNS[1]!.events);
    const n = heads!.position + 1;
    const [caption] = entropyModel(heads!, model, 24).captions;
    expect(caption).toBe(
      `position ${n - 1} · max ln ${n} = ${Math.log(n).toFixed(2)} nats, less in windowed layers`,
    );
  });
});

describe("the history of heads", () => {
  const summary = (position: number, first: number): HeadSummary => {
    const four = { shape: [2, 2] };
    const zeros = { ...four, data: new Float32Array(4) };
    return {
      kind: "heads",
      run_id: "r",
      position,
      entropy: { ...four, data: Float32Array.of(first, first + 1, first + 2, first + 3) },
      peak: { ...four, data: new Uint32Array(4) },
      peak_weight: zeros,
      sink: zeros,
    };
  };

  it("holds the newest positions, and knows which it has not seen", () => {
    const history = new HeadHistory(2, 2);
    history.add(summary(0, 1));
    history.add(summary(2, 5));
    expect([history.at(0, 1, 0), history.at(1, 0, 0), history.at(2, 1, 1)]).toEqual([3, Number.NaN, 8]);
    history.add(summary(history.capacity, 9));
    expect(history.at(0, 1, 0)).toBeNaN();
    expect(history.at(history.capacity, 0, 0)).toBe(9);
  });

  it("takes what the server remembers of one head, and nothing too old", () => {
    const history = new HeadHistory(2, 2);
    history.add(summary(600, 1));
    const of = { kind: "head_history_reply", request: 1, run_id: "r", layer: 1, head: 0 } as const;
    const values = { data: Float32Array.of(7, Number.NaN, 9), shape: [3] };
    history.fill({ ...of, start: 598, entropy: values, peak_weight: values, sink: values });
    expect([history.at(598, 1, 0), history.at(599, 1, 0), history.at(600, 1, 0)]).toEqual([7, Number.NaN, 9]);
    expect([history.at(598, 0, 0), history.at(600, 0, 0)]).toEqual([Number.NaN, 1]);
    history.fill({ ...of, start: 1, entropy: values, peak_weight: values, sink: values });
    expect(history.at(1, 1, 0)).toBeNaN();
  });

  it("stays small whatever the model", () => {
    expect(new HeadHistory(96, 96).capacity * 96 * 96 * 4).toBeLessThanOrEqual(4 << 20);
  });
});
