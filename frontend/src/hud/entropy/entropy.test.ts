import { describe, expect, it } from "vitest";
import { Drawn } from "../../../test/drawn";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import type { AppState } from "../../state/state";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import { entropy } from "./entropy";
import { LIST_ROW } from "./entropy_lists";

const of = (name: "smollm2" | "gemma3" | "mamba"): AppState => stateOf(instrumentRun(name).events);

/** As of a model with `layers` x `heads`, made from a real one. */
function large(layers: number, heads: number): AppState {
  const state = of("smollm2");
  const real = state.heads!;
  const size = layers * heads;
  const spread = <T extends Float32Array | Uint32Array>(data: T, made: T): T => {
    for (let i = 0; i < size; i++) made[i] = data[i % data.length]!;
    return made;
  };
  const shape = [layers, heads];
  state.heads = {
    ...real,
    entropy: { shape, data: spread(real.entropy.data, new Float32Array(size)) },
    peak: { shape, data: spread(real.peak.data, new Uint32Array(size)) },
    peak_weight: { shape, data: spread(real.peak_weight.data, new Float32Array(size)) },
    sink: { shape, data: spread(real.sink.data, new Float32Array(size)) },
  } satisfies HeadSummary;
  return state;
}

describe("the entropy instrument on a recorded run", () => {
  it("has each head's cell at its layer and row", () => {
    const drawn = new Drawn(entropy, of("smollm2"));
    const map = drawn.heats().find(({ columns, rows }) => columns === 30 && rows === 9)!;
    const { position, entropy: nats } = drawn.state.heads!;
    for (const [layer, head] of [
      [0, 0],
      [7, 3],
      [29, 8],
    ] as const) {
      const share = nats.data[layer * 9 + head]! / Math.log(position + 1);
      expect(drawn.value(map, layer, head)).toBeCloseTo(1 - share, 3);
    }
    drawn.press("button", 1);
    const top = Math.log(drawn.state.model!.n_ctx);
    expect(drawn.value(map, 7, 3)).toBeCloseTo(1 - nats.data[7 * 9 + 3]! / top, 3);
  });

  it("picks a head from the map, and from the lists", () => {
    const drawn = new Drawn(entropy, of("smollm2"));
    drawn.press("head", -1, 12.5 / 30, 4.5 / 9);
    expect(drawn.state.selection).toMatchObject({ layer: 12, head: 4 });
    const peaks = drawn.state.heads!.peak_weight.data;
    const sharpest = peaks.indexOf(Math.max(...peaks));
    const [layer, head] = [Math.floor(sharpest / 9), sharpest % 9];
    drawn.press("head", layer * 65536 + head);
    expect(drawn.state.selection).toMatchObject({ layer, head });
  });

  it("asks for the history that it has not seen, the selected head first, and shows the answers", () => {
    const state = of("smollm2");
    state.selection.layer = 7;
    state.selection.head = 3;
    const drawn = new Drawn(entropy, state);
    const { position } = state.heads!;
    expect(drawn.asked).toHaveLength(9);
    const { asked, answer } = drawn.asked[0]!;
    expect(asked).toEqual({ kind: "get_head_history", layer: 7, head: 3, start: 0, stop: position + 1 });
    const data = Float32Array.from({ length: position + 1 }, (_, i) => 0.25 * Math.log(i + 1));
    const values = { data, shape: [data.length] };
    const reply = {
      kind: "head_history_reply",
      request: 1,
      run_id: "",
      layer: 7,
      head: 3,
      start: 0,
    } as const;
    answer({ ...reply, entropy: values, peak_weight: values, sink: values });
    expect(drawn.asked[1]!.asked).toMatchObject({ layer: 7, head: 0 });
    drawn.draw();
    expect(drawn.asked).toHaveLength(9);
    const past = drawn.heats().find(({ columns, rows }) => columns === 64 && rows === 9)!;
    expect(drawn.value(past, 20, 3)).toBeCloseTo(0.75, 2);
    expect(drawn.value(past, 20, 4)).toBeNaN();
    state.heads = { ...state.heads!, position: position + 40 };
    drawn.draw();
    // What is known is not asked for again.
    expect(drawn.asked[9]!.asked).toMatchObject({ head: 3, start: position + 1, stop: position + 41 });
    expect(drawn.asked[10]!.asked).toMatchObject({ head: 0, start: 0, stop: position + 41 });
  });

  it("measures a windowed layer against what it sees", () => {
    const drawn = new Drawn(entropy, of("gemma3"));
    const { heads, model } = drawn.state;
    const [layers = 0, each = 0] = heads!.entropy.shape;
    const map = drawn.heats().find(({ columns, rows }) => columns === layers && rows === each)!;
    expect(model!.windows.data[0]).toBe(16);
    const share = heads!.entropy.data[1]! / Math.log(16);
    expect(drawn.value(map, 0, 1)).toBeCloseTo(1 - share, 3);
  });

  it("says nothing of heads where there are none", () => {
    expect(new Drawn(entropy, of("mamba")).heats()).toHaveLength(0);
  });

  it.each([
    [1256, 560],
    [1888, 940],
    [2528, 1300],
  ])("lists as many heads as a panel of %d x %d has room for", (width, height) => {
    const rect = { x: 16, y: 60, width, height };
    const { ui, scene } = new Drawn(entropy, of("smollm2"), rect);
    const rows = (x: number): number => {
      let seen = 0;
      for (let y = rect.y + 60; y < rect.y + height; y++) {
        const hit = ui.hits.find(x, y);
        if (hit?.kind === "head" && hit.y === y) seen++;
      }
      return seen;
    };
    const room = Math.floor((height - 80) / LIST_ROW);
    for (const x of [width * 0.7, width * 0.98]) {
      expect(rows(x)).toBeGreaterThan(room - 2);
      expect(rows(x)).toBeLessThanOrEqual(room + 1);
    }
    expect(scene.overflow).toBe(0);
  });

  it.each([
    [64, 64, 416, 480],
    [96, 96, 1200, 700],
    [30, 9, 320, 220],
  ])("has room for %d layers of %d heads at %d x %d", (layers, heads, width, height) => {
    const drawn = new Drawn(entropy, large(layers, heads), { x: 0, y: 0, width, height });
    expect(drawn.scene.overflow).toBe(0);
    expect(drawn.scene.shapeCount).toBeLessThan(1200);
  });
});
