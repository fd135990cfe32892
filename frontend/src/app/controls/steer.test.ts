import "../platform";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { Drawn } from "../../../test/drawn";
import { recordedState } from "../../../test/recorded_state";
import { attention } from "../../hud/attention/attention";
import { windowOf } from "../../hud/attention/attention_settings";
import { HEAT_EDGE } from "../../hud/heat_store";
import { rope } from "../../hud/rope/rope";
import { instrumentFocused, stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { steerBy } from "./steer";

const said: string[] = [];
vi.mock("./announce", () => ({ announce: (words: string) => said.push(words) }));

const FOCUSED = { x: 16, y: 60, width: 1888, height: 944 };

let state: AppState;
beforeEach(async () => {
  state = await recordedState();
  said.length = 0;
});

function press(...keys: string[]): void {
  for (const key of keys) steerBy(state, key);
}

describe("keys on a focused matrix of attention", () => {
  beforeEach(() => {
    const row = [...state.attention.values()][0]!;
    Object.assign(state.selection, { layer: row.layer, head: row.head });
    instrumentFocused(state, "attention");
  });

  it("bring the row on show nearer and keep it in view", () => {
    const length = state.tokens.at(-1)!.event.position;
    press("+", "+");
    const { query, span } = windowOf(state)!;
    expect(span).toBeLessThan(length / 2);
    expect(query <= length - 1 && length - 1 < query + span).toBe(true);
    stepSelected(state, 3);
    const shown = state.tokens.at(3 - state.tokens.length)!.event.position - 1;
    press("-", "-", "-", "-", "=", "=", "=");
    const seen = windowOf(state)!;
    expect(seen.query <= shown && shown < seen.query + seen.span).toBe(true);
  });

  it("move by an eighth of what is in view, and stop at its ends", () => {
    press("+", "+", "+");
    const first = windowOf(state)!;
    const step = Math.round(first.span / 8);
    press("ArrowUp", "ArrowLeft");
    expect(windowOf(state)).toEqual({ ...first, query: first.query - step, key: first.key - step });
    press("ArrowRight", "ArrowDown");
    expect(windowOf(state)).toEqual(first);
    for (let i = 0; i < 40; i++) press("ArrowUp", "ArrowLeft");
    expect(windowOf(state)).toEqual({ ...first, query: 0, key: 0 });
  });

  it("show the exact cells of the part, and the whole again", () => {
    press("+", "+", "+", "ArrowUp", "ArrowUp");
    const { query, key, span } = windowOf(state)!;
    const drawn = new Drawn(attention, state, FOCUSED);
    const part = drawn.heats().find(({ columns, rows }) => columns === span && rows === span)!;
    const { layer, head } = state.selection;
    const matrix = state.attentionHistory.get(layer, head, "head")!;
    let known = 0;
    for (let row = 0; row < span; row += 3) {
      if (!matrix.isKnown(query + row)) continue;
      for (let column = 0; column < span && key + column <= query + row; column++) {
        const at = (part.y + row) * HEAT_EDGE + part.x + column;
        const shown = drawn.value(part, column, row);
        expect(drawn.scene.heat.values[at]).toBeDefined();
        expect(shown).toBeCloseTo(matrix.value(query + row, key + column), 5);
        known++;
      }
    }
    expect(known).toBeGreaterThan(20);
    press("r");
    expect(windowOf(state)).toBeNull();
  });

  it("say what is in view then", () => {
    press("+", "r");
    expect(said[0]).toMatch(/^Attention: queries \d+ to 114, keys \d+ to \d+, of 115$/);
    expect(said[1]).toBe("Attention: all 115 positions");
  });

  it("do nothing before there is a run, or at the whole for arrows", () => {
    press("ArrowLeft");
    expect(windowOf(state)).toBeNull();
    state.tokens.clear();
    state.heads = null;
    press("+");
    expect(windowOf(state)).toBeNull();
  });
});

describe("keys on RoPE's map", () => {
  beforeEach(() => instrumentFocused(state, "rope"));
  const first = (): string | undefined => state.options.get("rope.window");

  it("bring the position on show nearer, move along it and show what the map did at first", () => {
    const before = new Drawn(rope, state, FOCUSED);
    const whole = before.heats().find(({ rows }) => rows === 32)!.columns;
    press("+");
    const [start, span] = first()!.split("_").map(Number) as [number, number];
    expect(span).toBe(whole / 2);
    const position = state.tokens.at(-1)!.event.position - 1;
    expect(start <= position && position < start + span).toBe(true);
    press("ArrowLeft");
    expect(first()).toBe(`${start - span / 8}_${span}`);
    for (let i = 0; i < 40; i++) press("ArrowLeft");
    expect(first()).toBe(`0_${span}`);
    const drawn = new Drawn(rope, state, FOCUSED);
    expect(drawn.heats().find(({ rows }) => rows === 32)!.columns).toBe(span);
    press("r");
    expect(first()).toBeUndefined();
    expect(said.at(-1)).toBe(`Rotary positions 0 to ${whole - 1}`);
  });

  it("keep a pinned position in view", () => {
    stepSelected(state, 1);
    const position = state.run!.started.prompt_ids.data.length;
    press("-", "-", "-", "+", "+");
    const [start, span] = first()!.split("_").map(Number) as [number, number];
    expect(span).toBe(128);
    expect(start <= position && position < start + span).toBe(true);
  });

  it("go no nearer than the map can, and no farther than the context", () => {
    for (let i = 0; i < 20; i++) press("+");
    expect(first()!.split("_")[1]).toBe("64");
    for (let i = 0; i < 20; i++) press("-");
    expect(Number(first()!.split("_")[1])).toBeGreaterThanOrEqual(state.model!.n_ctx);
    for (let i = 0; i < 20; i++) press("ArrowRight", "ArrowDown");
    expect(first()!.split("_")[0]).toBe("0");
  });
});
