import "../../app/platform";
import { describe, expect, it, vi } from "vitest";
import { BlockRasterizer } from "../../../test/block_rasterizer";
import { instrumentRun, type RunName, stateOf } from "../../../test/instrument_run";
import { stage } from "../../../test/instrument_stage";
import { emptyMoment } from "../../state/moment";
import { stepSelected } from "../../state/reduce";
import type { Asked } from "../../state/requests";
import { Glyphs } from "../../text/glyphs";
import { FORM, ITEM_WORDS, KIND, PLACE, Shape } from "../items";
import { Scene } from "../scene";
import { kv } from "./kv";
import { drawMiddle, placeRing } from "./kv_ring";
import type { KvWords } from "./kv_words";

const RECT = { x: 440, y: 800, width: 280, height: 264 };
const TURN = 2 * Math.PI;

/** Where the arcs begin and end, in turns. */
function arcs(scene: Scene): { from: number; to: number; width: number }[] {
  const floats = new Float32Array(scene.words.buffer);
  const found = [];
  for (let i = 0; i < scene.shapeCount; i++) {
    if ((scene.words[i * ITEM_WORDS + KIND]! & 0xff) !== Shape.arc) continue;
    const o = i * ITEM_WORDS + FORM;
    const from = floats[o]! / TURN;
    const width = floats[i * ITEM_WORDS + PLACE + 3]!;
    found.push({ from, to: from + floats[o + 1]! / TURN, width });
  }
  return found;
}

describe.each<RunName>(["smollm2", "gemma3", "gpt_oss", "mixtral"])(
  "the ring of %s on the screen",
  (name) => {
    const { events } = instrumentRun(name);
    const state = stateOf(events);

    it("lights as much of the turn as there are cells in use", () => {
      const { draw, scene } = stage(kv, state, RECT);
      draw(100);
      const used = state.cache!.seq_len.data[0]!;
      const cells = state.cache!.max_len.data[0]!;
      const lit = arcs(scene).filter(({ width, to }) => width > 4 && to < 0.999);
      const end = Math.max(...lit.map(({ to }) => to)) * cells;
      // A tick's light leaves a gap of 35 % between it and the next.
      const per = Math.max(1, cells / 128);
      expect(Math.abs(end - used)).toBeLessThanOrEqual(0.176 * per);
      expect(Math.min(...lit.map(({ from }) => from)) * cells).toBeLessThan(0.2 * per);
      expect(scene.overflow).toBe(0);
    });

    it("selects the layer that is clicked, or turned to with the wheel", () => {
      const { draw, ui, view } = stage(kv, state, RECT);
      draw(100);
      const y = RECT.y + RECT.height - 12 - 32 - 10;
      const hit = ui.hits.find(RECT.x + 14, y, "layer")!;
      const press = {
        type: "press",
        x: RECT.x + 12 + 17,
        y,
        dx: 0,
        dy: 0,
        wheel: 0,
        shift: false,
        ctrl: false,
      } as const;
      expect(view.pointer!(hit, press, state, ui)).toBe(true);
      const pitch = Math.min((RECT.width - 24) / state.cache!.layer.data.length, 14);
      expect(state.selection.layer).toBe(Math.floor(17 / pitch));
      view.pointer!(hit, { ...press, type: "wheel", wheel: 120 }, state, ui);
      expect(state.selection.layer).toBe(Math.floor(17 / pitch) + 1);
      draw(101);
    });
  },
);

describe("the cache", () => {
  it("draws a model without one, and in any room", () => {
    for (const name of ["mamba", "smollm2"] as const) {
      for (const [width, height] of [
        [240, 236],
        [1888, 940],
        [416, 600],
      ] as const) {
        const { draw, scene } = stage(kv, stateOf(instrumentRun(name).events), {
          x: 0,
          y: 60,
          width,
          height,
        });
        draw(100);
        expect(scene.overflow).toBe(0);
        expect(arcs(scene).length > 0).toBe(name === "smollm2");
      }
    }
  });

  it("asks for the row of a pinned moment that the page has none of", () => {
    const state = stateOf(instrumentRun("smollm2").events);
    Object.assign(state.selection, { layer: 23, head: 5 });
    state.attention.clear();
    state.attentionHistory.clear();
    const { step, position } = state.tokens.at(-2)!.event;
    stepSelected(state, step);
    const layers = { ...state.layers!, position: position - 1 };
    const moment = { ...emptyMoment(step, state.tokens.at(-2)), cache: state.cache, layers };
    state.moments.put(moment);
    const questions: Asked[] = [];
    const answers: ((reply: never) => void)[] = [];
    const { draw, items } = stage(kv, state, RECT, (_, asked, done) => {
      questions.push(asked);
      answers.push(done as (reply: never) => void);
    });
    draw(100);
    const without = items(Shape.line).length;
    expect(questions).toEqual([
      { kind: "get_flow", mode: "head", layer: 23, head: 5, position: position - 1 },
    ]);
    const data = new Float32Array(position).fill(1 / position);
    answers[0]!({ position: position - 1, weights: { data, shape: [position] }, sink: 0 } as never);
    draw(101);
    expect(items(Shape.line).length).toBeGreaterThan(without);
  });

  it("asks for the selected head's newest row", () => {
    const state = stateOf(instrumentRun("smollm2").events);
    Object.assign(state.selection, { layer: 23, head: 5 });
    expect(kv.attention!(state)).toEqual([[23, 5]]);
  });
});

describe("the middle of the ring", () => {
  const said = (outer: number): [y: number, text: string, half: number][] => {
    const scene = new Scene(new Glyphs(new BlockRasterizer()));
    scene.reset(400, 400, 1);
    const written = vi.spyOn(scene, "text");
    drawMiddle(scene, placeRing(0, 0, outer), { used: "80", cells: "of 4 096" } as KvWords, 1);
    return written.mock.calls.map(([, y, text, style]) => [y, text, scene.measure(text, style) / 2]);
  };

  it("keeps its words within the spikes, whatever the ring's size", () => {
    for (let outer = 30; outer < 200; outer += 1) {
      const { inner } = placeRing(0, 0, outer);
      for (const [y, text, half] of said(outer)) {
        if (text === "80") continue;
        expect(Math.hypot(half, y), `${text} in a ring of ${outer}`).toBeLessThanOrEqual(inner);
      }
    }
    expect(said(120).map(([, text]) => text)).toEqual(["80", "of 4 096"]);
    expect(said(62).map(([, text]) => text)).toEqual(["80", "of 4 096"]);
    expect(said(44).map(([, text]) => text)).toEqual(["80"]);
  });
});
