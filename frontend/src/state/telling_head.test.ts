import { describe, expect, it } from "vitest";
import { instrumentRun, type RunName, stateOf } from "../../test/instrument_run";
import type { HeadSummary } from "../telemetry/protocol.gen";
import { headForgotten, headSelected } from "./reduce";
import type { AppState } from "./state";
import { suggestHead, tellingHead } from "./telling_head";
import { urlStateOf } from "./url_state";

/** A head's strongest key, and its weight; null where the layer lacks the head. */
type Head = readonly [peak: number, weight: number] | null;

function summary(position: number, rows: readonly (readonly Head[])[]): HeadSummary {
  const heads = rows.flat();
  const shape = [rows.length, rows[0]!.length];
  return {
    kind: "heads",
    run_id: "r",
    position,
    entropy: { data: Float32Array.from(heads, (head) => (head ? 1 : Number.NaN)), shape },
    peak: { data: Uint32Array.from(heads, (head) => head?.[0] ?? 5), shape },
    peak_weight: { data: Float32Array.from(heads, (head) => head?.[1] ?? Number.NaN), shape },
    sink: { data: new Float32Array(heads.length), shape },
  };
}

function live(name: RunName): AppState {
  const state = stateOf(instrumentRun(name).events);
  return Object.assign(state, { control: true, right: "owner" });
}

describe("the head to begin with", () => {
  it.each([
    ["the first token", 0],
    ["the query itself", 20],
    ["the token before the query", 19],
  ])("does not look at %s", (_, key) => {
    expect(tellingHead(summary(20, [[[7, 0.1]], [[key, 0.99]]]))).toEqual({ layer: 0, head: 0 });
  });

  it("does not look where a crowd parks its attention, and of small models two are no crowd", () => {
    const crowd = [[0.9, 0.9, 0.9].map((weight) => [5, weight] as const), Array(3).fill([8, 0.2])];
    expect(tellingHead(summary(20, crowd))).toBeNull();
    const pair = [[[5, 0.9] as const, [5, 0.8] as const, [0, 1] as const]];
    expect(tellingHead(summary(20, pair))).toEqual({ layer: 0, head: 0 });
    const some = [...Array(20).keys()].map((layer) => [[layer < 3 ? 5 : 20, 0.5] as const]);
    expect(tellingHead(summary(20, some))).toBeNull();
    const many = [...Array(60).keys()].map((layer) => [[layer < 3 ? 5 : 20, 0.5] as const]);
    expect(tellingHead(summary(20, many))).toEqual({ layer: 0, head: 0 });
  });

  it("is of the middle half of the layers where one of them has such a head", () => {
    const layers: Head[][] = [[[3, 0.9]], [[4, 0.3]], [[6, 0.4]], [[7, 0.8]]];
    expect(tellingHead(summary(20, layers))).toEqual({ layer: 2, head: 0 });
    layers[1] = layers[2] = [[0, 1]];
    expect(tellingHead(summary(20, layers))).toEqual({ layer: 0, head: 0 });
  });

  it("is none that a layer lacks, nor of a run of one token", () => {
    expect(tellingHead(summary(20, [[null, [4, 0.1]]]))).toEqual({ layer: 0, head: 1 });
    expect(tellingHead(summary(20, [[null, null]]))).toBeNull();
    expect(tellingHead(summary(0, [[[0, 1]]]))).toBeNull();
  });

  // Computed from the fixtures with NumPy.
  it.each([
    ["smollm2", 10, 3],
    ["gemma3", 4, 0],
    ["gpt_oss", 2, 3],
    ["mixtral", 1, 1],
  ] as const)("of %s's recorded run is layer %i, head %i", (name, layer, head) => {
    expect(tellingHead(live(name).heads!)).toEqual({ layer, head });
  });
});

describe("suggesting it", () => {
  it("selects it once a model, and the address names it", () => {
    const state = live("smollm2");
    expect([urlStateOf(state, null).layer, urlStateOf(state, null).head]).toEqual([null, null]);
    expect(suggestHead(state)).toBe(true);
    expect(state.selection).toMatchObject({ layer: 10, head: 3 });
    expect(urlStateOf(state, null)).toMatchObject({ layer: 10, head: 3 });
    state.heads = summary(60, [[[0, 1]], [[7, 0.9]]]);
    expect(suggestHead(state)).toBe(false);
    expect(state.selection).toMatchObject({ layer: 10, head: 3 });
    state.model = { ...state.model!, id: "another" };
    expect(suggestHead(state)).toBe(true);
    expect(state.selection).toMatchObject({ layer: 1, head: 0 });
  });

  it("leaves alone what was named, be it the first head", () => {
    const state = live("smollm2");
    headSelected(state, 0, 0);
    expect(suggestHead(state)).toBe(false);
    expect(state.selection).toMatchObject({ layer: 0, head: 0 });
    expect(urlStateOf(state, null)).toMatchObject({ layer: 0, head: 0 });
    headForgotten(state);
    expect(suggestHead(state)).toBe(true);
  });

  it("waits until the prompt is processed, and its last token has looked", () => {
    const state = live("smollm2");
    const { prefill } = state.run!;
    state.run!.prefill = null;
    expect(suggestHead(state)).toBe(false);
    state.run!.prefill = prefill;
    const { heads } = state;
    state.heads = { ...heads!, position: state.run!.started.prompt_ids.data.length - 2 };
    expect(suggestHead(state)).toBe(false);
    state.heads = heads;
    expect(suggestHead(state)).toBe(true);
  });

  it("is for live runs, whoever watches them", () => {
    const state = live("smollm2");
    state.connection = { phase: "replay", retryAt: 0, message: "" };
    expect(suggestHead(state)).toBe(false);
    state.connection = { phase: "open", retryAt: 0, message: "" };
    state.control = false;
    expect(suggestHead(state)).toBe(false);
    state.right = "viewer";
    expect(suggestHead(state)).toBe(true);
  });

  it("does nothing for a model without attention", () => {
    const state = live("mamba");
    expect(suggestHead(state)).toBe(false);
    expect(state.selection).toMatchObject({ layer: 0, head: 0 });
  });

  it("looks through a summary without such a head once, and through the next one again", () => {
    const state = live("smollm2");
    const heads = state.heads!;
    let looks = 0;
    const parked = { ...heads.peak, data: new Uint32Array(heads.peak.data.length) };
    state.heads = {
      ...heads,
      get peak() {
        looks++;
        return parked;
      },
    };
    expect(suggestHead(state)).toBe(false);
    const first = looks;
    expect(first).toBeGreaterThan(0);
    expect(suggestHead(state)).toBe(false);
    expect(looks).toBe(first);
    state.heads = heads;
    expect(suggestHead(state)).toBe(true);
  });
});
