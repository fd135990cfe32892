import "../../app/platform";
import { describe, expect, it, vi } from "vitest";
import { BlockRasterizer } from "../../../test/block_rasterizer";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import { stepSelected } from "../../state/reduce";
import type { Requests } from "../../state/requests";
import type { AttentionWeights, FlowReply } from "../../telemetry/protocol.gen";
import { Glyphs } from "../../text/glyphs";
import { ITEM_WORDS, KIND, MORE, PLACE, Shape } from "../items";
import { Scene } from "../scene";
import { createHudUi } from "../ui";
import { flow } from "./flow";
import { FlowFeed, rowOf } from "./flow_feed";
import { flowModel, placesOf } from "./flow_model";
import { flowPlace } from "./flow_place";

const RECT = { x: 1488, y: 620, width: 416, height: 444 };
type Asked = Parameters<Requests["ask"]>;

function stage() {
  const { events } = instrumentRun("smollm2");
  const state = stateOf(events);
  const event = events.findLast((one): one is AttentionWeights => one.kind === "attention")!;
  Object.assign(state.selection, { layer: event.layer, head: event.head });
  const scene = new Scene(new Glyphs(new BlockRasterizer()));
  const asked: Asked[] = [];
  const ask = ((...question: Asked) => void asked.push(question)) as Requests["ask"];
  const ui = createHudUi({ send: () => {}, ask, toggleTopCount: () => {}, focus: () => {} });
  const view = flow.create(scene);
  const draw = (now: number): void => {
    scene.reset(1920, 1080, 1);
    ui.hits.reset();
    view.draw(state, RECT, now, ui);
    scene.endLayer();
  };
  return { state, scene, ui, view, asked, draw, event, events };
}

/** Widths of the lines that cross the panel, widest first: ribbons are made of many pieces each. */
function widths(scene: Scene): number[] {
  const floats = new Float32Array(scene.words.buffer);
  const found = new Set<number>();
  for (let i = 0; i < scene.shapeCount; i++) {
    const o = i * ITEM_WORDS;
    if ((scene.words[o + KIND]! & 0xff) !== Shape.line) continue;
    if (floats[o + PLACE + 2]! - floats[o + PLACE]! > 0.5) found.add(floats[o + MORE]!);
  }
  return [...found].sort((a, b) => b - a);
}

/** Where dashes begin: thin lines that do not glow. */
function dashes(scene: Scene): number[] {
  const floats = new Float32Array(scene.words.buffer);
  const found: number[] = [];
  for (let i = 0; i < scene.shapeCount; i++) {
    const o = i * ITEM_WORDS;
    const line = (scene.words[o + KIND]! & 0xff) === Shape.line;
    if (line && floats[o + MORE] === 1.25 && floats[o + MORE + 1] === 0) found.push(floats[o + PLACE]!);
  }
  return found;
}

describe("the flow on a recorded run", () => {
  it("draws each source's ribbon as thick as its weight", () => {
    const { scene, draw, event } = stage();
    draw(10);
    draw(11);
    const model = flowModel(rowOf(event, event.weights.shape[0]! - 1)!, 0.02, 100);
    const { table, row } = flowPlace(RECT);
    const { unit } = placesOf(model, table.y, table.height, row);
    const drawn = widths(scene);
    for (const { weight, kind } of model.sources) {
      if (kind !== "token") continue;
      const wanted = Math.max(weight * unit, 0.75);
      expect(Math.min(...drawn.map((width) => Math.abs(width - wanted)))).toBeLessThan(1e-3);
    }
  });

  it("names the token that is made whole, without quotes before it is cut", () => {
    const { scene, state, view, ui } = stage();
    const said = (token: string, width: number): string[] => {
      state.vocabulary = { label: () => token } as unknown as typeof state.vocabulary;
      scene.reset(1920, 1080, 1);
      const written = vi.spyOn(scene, "text");
      view.draw(state, { ...RECT, width }, 100, ui);
      const words = written.mock.calls.map(([, , text]) => text);
      written.mockRestore();
      return words;
    };
    expect(said("·city", 352)).toContain('"city"');
    // Brackets round ten letters: as in the cockpit at 1440 x 900.
    expect(said("·Portsmouth", 352)).toContain("Portsmouth");
    expect(said("·Southampton", 352)).toContain("Southa…ton");
    // Above the box too, which stands lower.
    expect(said("·city", 352)).toContain("WITHOUT FIRST TOKEN");
  });

  it("lets its dashes run at 40 pixels a second, towards the query", () => {
    const { scene, draw } = stage();
    draw(10);
    draw(11);
    draw(28 / 40);
    const before = dashes(scene);
    draw(28 / 40 + 0.05);
    const after = dashes(scene);
    expect(before.length).toBeGreaterThan(10);
    // On the level part of a ribbon a dash moves to the right by 40 px/s x 50 ms.
    const moved = before.some((x) => after.some((to) => Math.abs(to - x - 2) < 0.05));
    expect(moved).toBe(true);
    const still = stage();
    still.ui.reducedMotion = true;
    still.draw(10);
    expect(dashes(still.scene)).toEqual([]);
  });

  it("asks for what the stream does not bring, once, and draws the answer", () => {
    const { state, asked, draw, view, ui } = stage();
    draw(10);
    expect(asked).toHaveLength(0);
    view.pointer!({ ...hit, kind: "button", value: 2 }, press, state, ui);
    draw(11);
    draw(11.01);
    const position = state.tokens.at(-1)!.event.position - 1;
    expect(asked.map(([slot, question]) => [slot, question.kind])).toEqual([["flow", "get_flow"]]);
    expect(asked[0]![1]).toMatchObject({ mode: "rollout", position });
    const weights = new Float32Array(position + 1).fill(1 / (position + 1));
    const reply = {
      position,
      weights: { data: weights, shape: [position + 1] },
      sink: 0,
    } as unknown as FlowReply;
    asked[0]![2](reply as never);
    draw(12);
    const offered = ui.hits.find(RECT.x + 60, RECT.y + 250, "position");
    expect(offered).not.toBeNull();
    expect(asked).toHaveLength(1);
  });

  it("asks for a newer moment the later, the longer the last answer took, and for a pinned one at once", () => {
    const { state, asked, ui, events } = stage();
    const earlier = stateOf(
      events.slice(
        0,
        events.findLastIndex(({ kind }) => kind === "token"),
      ),
    );
    const feed = new FlowFeed();
    feed.update(earlier, "rollout", 10, ui.host);
    feed.update(earlier, "rollout", 10.05, ui.host);
    expect(asked).toHaveLength(1);
    const position = earlier.tokens.at(-1)!.event.position - 1;
    asked[0]![2]({ position, weights: { data: new Float32Array(position + 1) }, sink: 0 } as never);
    for (const [now, count] of [
      [10.5, 1],
      [10.9, 1],
      [11.1, 2],
    ] as const) {
      feed.update(state, "rollout", now, ui.host);
      expect(asked).toHaveLength(count);
    }
    stepSelected(state, 3);
    feed.update(state, "rollout", 11.4, ui.host);
    expect(asked).toHaveLength(3);
  });

  it("asks for the row of a pinned moment", () => {
    const { state, asked, draw } = stage();
    stepSelected(state, 3);
    draw(10);
    expect(asked[0]![1]).toMatchObject({ mode: "head", position: state.tokens.at(3)!.event.position - 1 });
  });

  it("shows a pinned moment's row from what the page has, without a question", () => {
    const { state, asked, draw, scene, events } = stage();
    const rows = events.filter((one): one is AttentionWeights => one.kind === "attention");
    const past = rowOf(rows[0]!, rows[0]!.weights.shape[0]! - 1)!;
    const step = past.position + 1 - state.run!.started.prompt_ids.data.length;
    stepSelected(state, step);
    draw(10);
    draw(11);
    expect(asked).toHaveLength(0);
    const strongest = Math.max(...flowModel(past, 0.02, 100).sources.map(({ weight }) => weight));
    const newest = Math.max(...flowModel(rowOf(rows[1]!, 0)!, 0.02, 100).sources.map(({ weight }) => weight));
    const [here] = widths(scene);
    stepSelected(state, null);
    draw(12);
    draw(13);
    expect(here! / widths(scene)[0]!).toBeCloseTo(strongest / newest, 1);
  });

  it("says why there is none, and tries again later", () => {
    const { state, asked, draw, view, ui } = stage();
    view.pointer!({ ...hit, kind: "button", value: 1 }, press, state, ui);
    draw(10);
    asked[0]![3]!("The row is no longer kept.");
    draw(11);
    expect(asked).toHaveLength(1);
    draw(13);
    expect(asked).toHaveLength(2);
  });

  it("moves its threshold with the slider and the wheel, and keeps it", () => {
    const { state, draw, view, ui } = stage();
    draw(10);
    const slider = { ...hit, kind: "slider", x: 100, width: 116 } as const;
    view.pointer!(slider, { ...press, x: 1000 }, state, ui);
    expect(state.options.get("flow.threshold")).toBe("0.2");
    view.pointer!({ ...hit, kind: "plot" }, { ...press, type: "wheel", wheel: 100 }, state, ui);
    expect(state.options.get("flow.threshold")).toBe("0.1");
    view.pointer!(slider, { ...press, x: 0 }, state, ui);
    expect(state.options.get("flow.threshold")).toBe("0");
  });
});

const hit = { kind: "plot", value: 0, owner: "flow", x: 0, y: 0, width: 10, height: 10 } as const;
const press = { type: "press", x: 0, y: 0, dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false } as const;
