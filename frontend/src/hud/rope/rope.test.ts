import { readFileSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { Drawn } from "../../../test/drawn";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import { recordedState } from "../../../test/recorded_state";
import type { AppState } from "../../state/state";
import type { Rotation } from "../../telemetry/protocol.gen";
import { rope } from "./rope";
import { pairsOf } from "./rotation";

const file = new URL("../../../test/fixtures/rope.json", import.meta.url);
const stated = JSON.parse(readFileSync(file, "utf8")).cases[0].rotation;
const rotation: Rotation = {
  ...stated,
  layers: { data: Uint16Array.from({ length: 30 }, (_, layer) => layer), shape: [30] },
  factors: { data: new Float32Array(0), shape: [0] },
};

function running(): AppState {
  const state = stateOf(instrumentRun("smollm2").events);
  state.model = { ...state.model!, rope: { ...state.model!.rope, kind: "normal", rotations: [rotation] } };
  return state;
}

const { frequency } = pairsOf(rotation);

describe("the RoPE instrument on a recorded run", () => {
  it("maps sin of every pair at every position, and cos when asked", () => {
    const drawn = new Drawn(rope, running());
    const [, map] = [...drawn.heats()].sort((a, b) => a.rows - b.rows);
    expect(map!.rows).toBe(32);
    for (const [pair, position] of [
      [0, 5],
      [3, 40],
      [31, 63],
    ] as const) {
      const sin = Math.sin(frequency[pair]! * position);
      expect(drawn.value(map!, position, pair)).toBeCloseTo(0.41 * (1 + sin), 3);
    }
    drawn.press("button", 1);
    expect(drawn.state.options.get("rope.trig")).toBe("cos");
    expect(drawn.value(map!, 40, 3)).toBeCloseTo(0.41 * (1 + Math.cos(frequency[3]! * 40)), 3);
  });

  it("pins the position that is clicked, and follows again at the newest", () => {
    const state = running();
    const drawn = new Drawn(rope, state);
    const prompt = state.run!.started.prompt_ids.data.length;
    const map = drawn.heats().find(({ rows }) => rows === 32)!;
    const place = (position: number): number => (position + 0.5) / map.columns;
    drawn.press("plot", 0, place(prompt + 2), 0.5, { type: "release" });
    expect(state.selection.step).toBe(3);
    drawn.press("plot", 0, place(prompt + state.run!.count - 2), 0.5, { type: "release" });
    expect(state.selection.step).toBeNull();
    drawn.press("plot", 0, place(1), 0.5, { type: "release" });
    expect(state.selection.step).toBeNull();
  });

  it("takes more positions with the wheel, and then their means", () => {
    const drawn = new Drawn(rope, running());
    for (let turn = 0; turn < 8; turn++) drawn.press("plot", 0, 0, 0.5, { type: "wheel", wheel: 1 });
    const map = drawn.heats().find(({ rows }) => rows === 32)!;
    expect(map.columns).toBe(512);
    // The context of 1,024 positions: two to a column.
    const mean = (Math.sin(frequency[1]! * 20) + Math.sin(frequency[1]! * 21)) / 2;
    expect(drawn.value(map, 10, 1)).toBeCloseTo(0.41 * (1 + mean), 3);
  });

  it("shows the positions that a link names, and those at first again", () => {
    const first = new Drawn(rope, running());
    first.press("plot", 0, 0, 0.5, { type: "wheel", wheel: 1 });
    first.press("plot", 0, 0.5, 0.5, { type: "press" });
    // A drag by less than a position at a time.
    for (let step = 0; step < 30; step++) first.press("plot", 0, 0.5, 0.5, { type: "drag", dx: -1 });
    const window = first.state.options.get("rope.window")!;
    expect(window).toMatch(/^[1-9]\d*_128$/);
    const second = running();
    second.options.set("rope.window", window);
    const opened = new Drawn(rope, second);
    const value = (drawn: Drawn) => drawn.value(drawn.heats().find(({ rows }) => rows === 32)!, 40, 3);
    expect(value(opened)).toBe(value(first));
    expect(value(opened)).not.toBe(value(new Drawn(rope, running())));
    first.press("plot", 0, 0.5, 0.5, { type: "double" });
    expect(first.state.options.has("rope.window")).toBe(false);
    second.options.set("rope.window", "0_700");
    opened.draw();
    expect(opened.heats().find(({ rows }) => rows === 32)!.columns).toBe(512);
  });

  it.each([
    [320, 240],
    [520, 232],
    [1200, 620],
  ])("has room for all it draws at %d x %d", (width, height) => {
    const drawn = new Drawn(rope, running(), { x: 0, y: 0, width, height });
    expect(drawn.scene.overflow).toBe(0);
    expect(drawn.heats()).toHaveLength(2);
  });

  it.each([
    [320, 240],
    [416, 444],
  ])("cuts no word of what it says at %d x %d, pointed at or not", async (width, height) => {
    const drawn = new Drawn(rope, await recordedState(), { x: 0, y: 0, width, height });
    const written = vi.spyOn(drawn.scene, "text");
    drawn.draw();
    const map = drawn.ui.hits.find(width / 3, height - 40, "plot")!;
    drawn.ui.pointerX = map.x + map.width / 2;
    drawn.ui.pointerY = map.y + map.height - 2;
    drawn.draw();
    const words = written.mock.calls.map(([, , text]) => text);
    expect(words).toContainEqual(expect.stringMatching(/^slowest/));
    expect(words).toContainEqual(expect.stringMatching(/^pair \d+ · /));
    expect(words.filter((text) => text.includes("…"))).toEqual([]);
  });

  it("draws no wheel for a model that does not rotate", () => {
    const state = stateOf(instrumentRun("mamba").events);
    expect(new Drawn(rope, state).heats()).toHaveLength(0);
  });
});
