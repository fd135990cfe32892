import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { instrumentRun, type RunName } from "../../../test/instrument_run";
import type { AttentionWeights } from "../../telemetry/protocol.gen";
import { rowOf } from "./flow_feed";
import { APART, type FlowRow, flowModel, placesOf } from "./flow_model";

/** What NumPy makes of the recorded rows; written by `expect_flow.py`. */
interface Expected {
  readonly threshold: number;
  readonly positions: number[];
  readonly weights: number[];
  readonly dominant: number;
  readonly shown: number;
  readonly others: { readonly tokens: number; readonly weight: number };
  readonly sink: number;
  readonly crowded: number;
  /** The first token's weight where it is left out; 0 where it is in. */
  readonly left_out: number;
}

const file = new URL("../../../test/fixtures/flow.json", import.meta.url);
const expected = JSON.parse(readFileSync(file, "utf8")) as Record<RunName, Expected[]>;
const names = Object.keys(expected) as RunName[];

function newestRow(name: RunName): FlowRow {
  const events = instrumentRun(name).events;
  const event = events.findLast((one): one is AttentionWeights => one.kind === "attention")!;
  return rowOf(event, event.weights.shape[0]! - 1)!;
}

describe.each(names)("the flow of %s", (name) => {
  const row = newestRow(name);

  it.each(expected[name])("has NumPy's sources above $threshold, $left_out left out", (numpy) => {
    const without = numpy.left_out > 0;
    const { sources, shown, crowded, leftOut } = flowModel(row, numpy.threshold, 10, without);
    expect(leftOut).toBeCloseTo(numpy.left_out, 6);
    const tokens = sources.filter(({ kind }) => kind === "token");
    expect(tokens.map(({ position }) => position)).toEqual(numpy.positions);
    for (const [i, { weight }] of tokens.entries()) expect(weight).toBeCloseTo(numpy.weights[i]!, 6);
    expect(tokens.filter(({ dominant }) => dominant).map(({ position }) => position)).toEqual([
      numpy.dominant,
    ]);
    expect(shown).toBeCloseTo(numpy.shown, 6);
    expect(crowded).toBe(numpy.crowded);
    const others = sources.find(({ kind }) => kind === "others");
    expect(others?.tokens ?? 0).toBe(numpy.others.tokens);
    expect(others?.weight ?? 0).toBeCloseTo(numpy.others.weight, 6);
    expect(sources.find(({ kind }) => kind === "sink")?.weight ?? 0).toBeCloseTo(numpy.sink, 6);
  });

  it("leaves nothing out: all sources make 1", () => {
    const { sources } = flowModel(row, 0.02, 10);
    // Half floats: each weight is right to 2^-11.
    expect(sources.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 2);
  });
});

it("keeps the first row, which is the first token and nothing else", () => {
  const row = { position: 0, weights: Float32Array.of(1), sink: 0 };
  expect(flowModel(row, 0.02, 10, true)).toEqual(flowModel(row, 0.02, 10));
});

it("shows a learned sink as such, and none where the model has none", () => {
  const kinds = (name: RunName) => flowModel(newestRow(name), 0.02, 10).sources.map(({ kind }) => kind);
  expect(kinds("gpt_oss")).toContain("sink");
  expect(kinds("smollm2")).not.toContain("sink");
});

describe("the places of ribbons", () => {
  const model = flowModel(newestRow("smollm2"), 0.02, 10);

  it("are as thick as their weights, and lie beside each other at both ends", () => {
    const { from, to, unit } = placesOf(model, 100, 300, 17);
    for (let i = 0; i + 1 < model.sources.length; i++) {
      const both = ((model.sources[i]!.weight + model.sources[i + 1]!.weight) * unit) / 2;
      expect(from[i + 1]! - from[i]!).toBeGreaterThanOrEqual(both);
      expect(to[i + 1]! - to[i]!).toBeCloseTo(both + APART, 3);
    }
    expect(from[0]! - (model.sources[0]!.weight * unit) / 2).toBeGreaterThanOrEqual(100);
    const last = model.sources.length - 1;
    expect(from[last]! + (model.sources[last]!.weight * unit) / 2).toBeLessThanOrEqual(400);
  });

  it("stay within a low panel", () => {
    const { from } = placesOf(model, 0, 120, 9);
    expect(Math.min(...from)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...from)).toBeLessThanOrEqual(120);
  });
});
