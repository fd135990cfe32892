import "../../app/platform";
import { describe, expect, it } from "vitest";
import { instrumentRun, type RunName, stateOf } from "../../../test/instrument_run";
import { stage } from "../../../test/instrument_stage";
import type { LayerActivation } from "../../telemetry/protocol.gen";
import { Shape } from "../items";
import { pulse } from "./pulse";
import { BARS, place, pulseModel, USUAL, widen } from "./pulse_model";
import { layColumns, layRows } from "./pulse_rows";
import { afterglow, dimness } from "./pulse_table";

const RECT = { x: 16, y: 634, width: 416, height: 430 };
const LATE = 100;

describe.each<RunName>(["smollm2", "gemma3", "gpt_oss", "mixtral", "mamba"])(
  "the pulse of %s on the screen",
  (name) => {
    const { events, expected } = instrumentRun(name);

    it("draws each bar as long as its place on the scale", () => {
      const state = stateOf(events);
      const model = pulseModel(state.layers!);
      const scale = widen(USUAL, model);
      const { draw, items, scene } = stage(pulse, state, RECT);
      draw(LATE);
      const columns = layColumns(RECT.x + 12, RECT.width - 24, state.heads?.entropy.shape[1] ?? 0);
      const fills = items(Shape.fill);
      for (let bar = 0; bar < BARS; bar++) {
        const left = columns.bars[bar]!;
        const norms = model.norms.filter((_, i) => i % BARS === bar);
        const lengths = [...norms].map((value) => place(scale, value) * columns.barWidth);
        const want = lengths.filter((length) => length >= 0.5);
        // The ground of the column and its first line begin there too, and are longer or thinner.
        const got = fills
          .filter(([x0, y0, x1, y1]) => x0 === left && x1! - x0! > 1.01 && y1! - y0! < 73)
          .map(([x0, , x1]) => x1! - x0!);
        expect(got).toHaveLength(want.length);
        for (const [i, length] of want.entries()) expect(got[i]).toBeCloseTo(length, 2);
      }
      expect(scene.overflow).toBe(0);
    });

    it("hatches what the architecture lacks, a row each", () => {
      const { draw, items } = stage(pulse, stateOf(events), RECT);
      draw(LATE);
      const lacking = expected.places.data.filter((p) => Number.isNaN(p)).length;
      // One pattern is the panel's own ground.
      expect(items(Shape.pattern)).toHaveLength(1 + lacking);
    });
  },
);

describe("the pulse under way", () => {
  const { events } = instrumentRun("smollm2");

  it("lights one row wholly, the seven above it less and less, and none below", () => {
    const model = { count: 30 } as never;
    const pass = { model, before: model, passed: 12.4, arrived: 0, seconds: 0.3 };
    expect(afterglow(pass, 12)).toBe(1);
    expect([13, 4, 29].map((row) => afterglow(pass, row))).toEqual([0, 0, 0]);
    for (let row = 5; row < 12; row++) expect(afterglow(pass, row)).toBeLessThan(afterglow(pass, row + 1));
    expect(afterglow({ ...pass, passed: 30 }, 29)).toBe(0);
  });

  it("dims the rows below for slow tokens only: fast ones would flicker", () => {
    const pass = { seconds: 0.02 } as never as Parameters<typeof dimness>[0];
    expect(dimness(pass)).toBe(1);
    expect(dimness({ ...pass, seconds: 0.5 })).toBeCloseTo(0.2, 9);
  });

  it("selects the layer that is clicked", () => {
    const state = stateOf(events);
    const { draw, ui, view } = stage(pulse, state, RECT);
    draw(LATE);
    const y = layRows(30, RECT.y + 52, 10, 0).y + 11 * 7 + 5;
    const hit = ui.hits.find(RECT.x + 100, y, "layer")!;
    const event = {
      type: "press",
      x: RECT.x + 100,
      y,
      dx: 0,
      dy: 0,
      wheel: 0,
      shift: false,
      ctrl: false,
    } as const;
    expect(view.pointer!(hit, event, state, ui)).toBe(true);
    expect(state.selection.layer).toBe(7);
  });
});

describe("rows", () => {
  /** The recorded run's layers, again and again. */
  function deep(count: number): LayerActivation {
    const event = stateOf(instrumentRun("smollm2").events).layers!;
    const repeat = (data: Float32Array) => ({
      data: Float32Array.from({ length: count }, (_, i) => data[i % 30]!),
      shape: [count],
    });
    return {
      ...event,
      layer: { data: Uint16Array.from({ length: count }, (_, i) => i), shape: [count] },
      attention_norm: repeat(event.attention_norm.data),
      mlp_norm: repeat(event.mlp_norm.data),
      output_norm: repeat(event.output_norm.data),
      residual_change: repeat(event.residual_change.data),
    };
  }

  it.each([1, 12, 30, 64, 96, 126])("has room for %i layers in the cockpit", (count) => {
    const state = stateOf(instrumentRun("smollm2").events);
    state.layers = deep(count);
    const { draw, scene } = stage(pulse, state, RECT);
    draw(LATE);
    expect(scene.overflow).toBe(0);
    const rows = layRows(count, 0, 326, 0);
    expect(rows.shown + rows.limit).toBe(count);
    expect(rows.shown * rows.pitch).toBeLessThanOrEqual(326.001);
    if (count <= 96) expect(rows.limit).toBe(0);
    else expect(rows.limit).toBeGreaterThan(0);
  });

  it("scrolls what does not fit, with the wheel", () => {
    const state = stateOf(instrumentRun("smollm2").events);
    state.layers = deep(126);
    const { draw, ui, view } = stage(pulse, state, RECT);
    draw(LATE);
    const hit = ui.hits.find(RECT.x + 100, RECT.y + 100, "layer")!;
    const wheel = { type: "wheel", x: 0, y: 0, dx: 0, dy: 0, wheel: 1, shift: false, ctrl: false } as const;
    for (let i = 0; i < 50; i++) {
      expect(view.pointer!(hit, wheel, state, ui)).toBe(true);
      draw(LATE);
    }
    const press = { ...wheel, type: "press", x: RECT.x + 50, y: RECT.y + RECT.height - 40 } as const;
    view.pointer!(hit, press, state, ui);
    expect(state.selection.layer).toBeGreaterThan(120);
  });

  it("brings into view a layer that is selected elsewhere, and then lets it be scrolled away", () => {
    const state = stateOf(instrumentRun("smollm2").events);
    state.layers = deep(126);
    const { draw, ui, view } = stage(pulse, state, RECT);
    const layerAt = (y: number): number => {
      const hit = ui.hits.find(RECT.x + 100, y, "layer")!;
      const press = {
        type: "press",
        x: hit.x,
        y,
        dx: 0,
        dy: 0,
        wheel: 0,
        shift: false,
        ctrl: false,
      } as const;
      view.pointer!(hit, press, state, ui);
      return state.selection.layer;
    };
    draw(LATE);
    const top = layRows(126, RECT.y + 52, 326, 0).y + 1;
    expect(layerAt(top)).toBe(0);
    state.selection.layer = 125;
    draw(LATE);
    draw(LATE + 1);
    const last = ui.hits.find(RECT.x + 100, RECT.y + 100, "layer")!;
    expect(layerAt(last.y + last.height - 1)).toBe(125);
    const wheel = { type: "wheel", x: 0, y: 0, dx: 0, dy: 0, wheel: -1, shift: false, ctrl: false } as const;
    for (let i = 0; i < 20; i++) {
      view.pointer!(last, wheel, state, ui);
      draw(LATE + 2);
    }
    expect(layerAt(top)).toBe(0);
  });

  it("says where it is scrolled to, and stands there when a link says so", () => {
    const state = stateOf(instrumentRun("smollm2").events);
    state.layers = deep(126);
    const topOf = (one: ReturnType<typeof stage>): number => {
      const hit = one.ui.hits.find(RECT.x + 100, RECT.y + 100, "layer")!;
      const press = { type: "press", x: hit.x, y: hit.y + 1, dx: 0, dy: 0, wheel: 0 } as const;
      const { selection } = state;
      const before = { ...selection };
      one.view.pointer!(hit, { ...press, shift: false, ctrl: false }, state, one.ui);
      const { layer } = selection;
      Object.assign(selection, before);
      return layer;
    };
    const first = stage(pulse, state, RECT);
    first.draw(LATE);
    expect(state.options.get("pulse.first")).toBeUndefined();
    const hit = first.ui.hits.find(RECT.x + 100, RECT.y + 100, "layer")!;
    const wheel = { type: "wheel", x: 0, y: 0, dx: 0, dy: 0, wheel: 1, shift: false, ctrl: false } as const;
    for (let i = 0; i < 2; i++) first.view.pointer!(hit, wheel, state, first.ui);
    first.draw(LATE);
    first.view.pointer!(hit, wheel, state, first.ui);
    first.draw(LATE);
    expect(state.options.get("pulse.first")).toBe("6");
    for (const layer of [0, 125]) {
      state.selection.layer = layer;
      const opened = stage(pulse, state, RECT);
      opened.draw(LATE);
      expect(topOf(opened)).toBe(6);
    }
    state.options.clear();
    const plain = stage(pulse, state, RECT);
    plain.draw(LATE);
    expect(topOf(plain)).toBe(126 - Math.floor(342 / 3));
    expect(state.options.get("pulse.first")).toBeUndefined();
  });

  it.each([12, 30])("fills the whole screen with %i layers", (count) => {
    const rows = layRows(count, 0, 860, 0);
    expect(rows.pitch * count).toBeGreaterThan(855);
  });
});
