import { describe, expect, it } from "vitest";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import { experts } from "./experts";
import { expertsModel, load, rowOf } from "./experts_model";

const state = stateOf(instrumentRun("mixtral").events);
const routing = state.experts!;

describe("the experts of a real run of a mixture", () => {
  const model = expertsModel(routing);
  const [layers = 0, used = 0] = routing.chosen.shape;

  it("gives each chosen expert its weight, and the others none", () => {
    for (let row = 0; row < layers; row++) {
      const own = model.weights.subarray(row * model.experts, (row + 1) * model.experts);
      const sum = own.reduce((total, weight) => total + weight, 0);
      expect(sum).toBeCloseTo(1, 5);
      expect(own.filter((weight) => weight > 0)).toHaveLength(used);
      for (let i = 0; i < used; i++) {
        expect(own[routing.chosen.data[row * used + i]!]).toBe(routing.weights.data[row * used + i]!);
      }
    }
    expect(model.top).toBe(1);
  });

  it("lists them by weight: those that the router holds likeliest, in its own proportions", () => {
    for (let row = 0; row < layers; row++) {
      const p = routing.probabilities.data.subarray(row * model.experts, (row + 1) * model.experts);
      const order = [...p.keys()].sort((a, b) => p[b]! - p[a]!).slice(0, used);
      expect(model.chosen[row]!.map(({ expert }) => expert)).toEqual(order);
      const kept = order.reduce((sum, expert) => sum + p[expert]!, 0);
      for (const { weight, router } of model.chosen[row]!) expect(weight).toBeCloseTo(router / kept, 4);
    }
  });

  it("counts every token that went through a layer: of the prompt, the last layer gets the last one alone", () => {
    const prompt = state.run!.started.prompt_ids.data.length;
    for (const [row, one] of model.loads!.entries()) {
      const through = row < layers - 1 ? routing.position + 1 : routing.position - prompt + 2;
      expect(one.tokens).toBe(through);
      expect(one.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 5);
    }
  });

  it("has nothing to say of load where a recording has no counts", () => {
    const bare = { ...routing, counts: { data: new Uint32Array(0), shape: [0, 0] } };
    expect(expertsModel(bare).loads).toBeNull();
  });
});

describe("the load", () => {
  it("has the coefficient of variation that NumPy gives: std / mean", () => {
    // np.std([3, 1, 0, 8]) / np.mean([3, 1, 0, 8])
    const one = load(Uint32Array.of(3, 1, 0, 8), 2);
    expect(one.variation).toBeCloseTo(1.0274023338281628, 12);
    expect([one.tokens, one.unused]).toEqual([6, 1]);
    // sqrt((1 - 2/4) / (6 * 2/4))
    expect(one.chance).toBeCloseTo(0.408248290463863, 12);
  });

  it("is even when all were chosen alike, and knows nothing before the first token", () => {
    expect(load(Uint32Array.of(5, 5, 5), 1).variation).toBe(0);
    const none = load(new Uint32Array(4), 2);
    expect([none.variation, none.chance, none.tokens]).toEqual([0, 0, 0]);
  });
});

it("shows the next layer that has experts, where the selected one has none", () => {
  const model = { ...expertsModel(routing), layers: Uint16Array.of(1, 2, 5) };
  expect([0, 1, 3, 9].map((layer) => rowOf(model, layer))).toEqual([0, 0, 2, 2]);
});

it("is there for mixtures alone", () => {
  expect(experts.available!(state)).toBe(true);
  expect(experts.available!(stateOf(instrumentRun("smollm2").events))).toBe(false);
});
