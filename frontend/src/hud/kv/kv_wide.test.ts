import "../../app/platform";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { BlockRasterizer } from "../../../test/block_rasterizer";
import { Drawn } from "../../../test/drawn";
import { instrumentRun, type RunName, stateOf } from "../../../test/instrument_run";
import type { AppState } from "../../state/state";
import { Glyphs } from "../../text/glyphs";
import { bytes } from "../format";
import { INSTRUMENTS } from "../instruments";
import type { Rect } from "../layout";
import { Scene } from "../scene";
import { kv, loadWide } from "./kv";
import { zoomCells } from "./kv_model";

const WHOLE = { x: 16, y: 60, width: 1888, height: 944 };
const NAMES: RunName[] = ["smollm2", "gemma3", "gpt_oss", "mixtral", "rotating"];

beforeAll(loadWide);

function of(name: RunName, layer = name === "smollm2" ? 23 : 0, head = name === "smollm2" ? 5 : 0): AppState {
  const state = stateOf(instrumentRun(name).events);
  Object.assign(state.selection, { layer, head });
  return state;
}

/** Left, top, width and height of what is drawn with one call of the scene, when it is drawn once more. */
function drawnBy(drawn: Drawn, call: "rect" | "gradient"): Rect[] {
  const spy = vi.spyOn(drawn.scene, call);
  drawn.draw();
  const found = spy.mock.calls.map(([x, y, width, height]) => ({ x, y, width, height }));
  spy.mockRestore();
  return found;
}

function said(drawn: Drawn): string[] {
  const spy = vi.spyOn(drawn.scene, "text");
  drawn.draw();
  const words = spy.mock.calls.map((call) => call[2]);
  spy.mockRestore();
  return words;
}

/** The region of the table. */
function tableOf({ ui, rect }: Drawn): Rect {
  for (let x = rect.x + rect.width - 20; x > rect.x; x -= 20) {
    const hit = ui.hits.find(x, rect.y + 120, "layer");
    if (hit?.value === 1) return { x: hit.x, y: hit.y, width: hit.width, height: hit.height };
  }
  throw new Error("there is no table");
}

describe.each(NAMES)("the whole screen of the cache of %s", (name) => {
  const { expected } = instrumentRun(name);

  it("has each layer's bytes as NumPy counts them, and its cells", () => {
    const drawn = new Drawn(kv, of(name), WHOLE);
    const { cache } = drawn.state;
    const words = said(drawn);
    const times = (word: string): number => words.filter((one) => one === word).length;
    const both = Array.from(cache!.layer.data, (_, row) => [
      bytes(expected.key_bytes_used.data[row]!),
      bytes(expected.value_bytes_used.data[row]!),
    ]).flat();
    for (const word of new Set(both)) {
      const wanted = both.filter((one) => one === word).length;
      expect(times(word), word).toBeGreaterThanOrEqual(wanted);
    }
    const windows = Array.from(cache!.window.data, (window) => (window > 0 ? String(window) : "all"));
    for (const word of new Set(windows)) {
      const wanted = windows.filter((one) => one === word).length;
      expect(times(word), word).toBeGreaterThanOrEqual(wanted);
    }
    expect(drawn.scene.overflow).toBe(0);
  });

  it("draws each layer's cells in use on one scale", () => {
    const drawn = new Drawn(kv, of(name), WHOLE);
    const { max_len, seq_len } = drawn.state.cache!;
    const used = Math.max(...seq_len.data);
    const scale = zoomCells(used, Math.max(...max_len.data));
    const table = tableOf(drawn);
    const pitch = table.height / max_len.data.length;
    const fills = drawnBy(drawn, "rect").filter(
      ({ x, y, height }) => x > table.x + 12 && y >= table.y && height > 3,
    );
    const left = Math.min(...fills.map(({ x }) => x));
    const inRow = (row: number) =>
      fills.filter(({ y }) => y >= table.y + row * pitch && y < table.y + (row + 1) * pitch);
    const whole = Math.max(...fills.filter(({ x }) => x === left).map(({ width }) => width));
    const most = Math.min(Math.max(...max_len.data), scale);
    for (let row = 0; row < max_len.data.length; row++) {
      const spans = inRow(row).filter(({ width }) => width > 2);
      const track = spans.find(({ x }) => x === left)!;
      expect(track.width).toBeCloseTo((whole * Math.min(max_len.data[row]!, scale)) / most, 6);
      const lit = spans.filter((one) => one !== track).reduce((sum, { width }) => sum + width, 0);
      expect(lit, `row ${row}`).toBeCloseTo((whole * seq_len.data[row]!) / most, 6);
    }
  });

  it("selects the layer that is pressed in the table", () => {
    const drawn = new Drawn(kv, of(name), WHOLE);
    const { data } = drawn.state.cache!.layer;
    for (const row of [data.length - 1, 1]) {
      drawn.press("layer", 1, 0.5, (row + 0.5) / data.length);
      expect(drawn.state.selection.layer).toBe(data[row]);
    }
  });
});

describe("the cells in rows", () => {
  it("are lit as wide as the root of what NumPy reads in the newest row, under their tokens", () => {
    const state = of("smollm2");
    state.vocabulary = { label: (id: number) => `·t${id}` } as unknown as typeof state.vocabulary;
    const drawn = new Drawn(kv, state, WHOLE);
    const { data } = instrumentRun("smollm2").expected.attention;
    const lit = drawnBy(drawn, "gradient");
    const cells = drawnBy(drawn, "rect").filter(({ height }) => height === lit[0]!.height);
    const wide = cells[0]!.width;
    const roots = [...data].map((weight) => Math.sqrt(weight) * wide).filter((width) => width >= 0.5);
    expect(roots.length).toBeGreaterThan(10);
    for (const [i, width] of roots.entries()) expect(lit[i]!.width).toBeCloseTo(width, 2);
    const ids = state.run!.started.prompt_ids.data;
    const words = said(drawn);
    for (const id of ids) expect(words).toContain(`t${id}`);
    expect(words.filter((word) => word === "next")).toHaveLength(1);
  });

  it("tell of the one under the pointer", () => {
    const drawn = new Drawn(kv, of("smollm2"), WHOLE);
    const [first] = drawnBy(drawn, "gradient");
    Object.assign(drawn.ui, { pointerX: first!.x + 2, pointerY: first!.y + 4 });
    expect(said(drawn).some((word) => word.startsWith("cell 0 · position 0 · prompt"))).toBe(true);
    Object.assign(drawn.ui, { pointerX: first!.x - 60, pointerY: first!.y + 2 * first!.height });
    expect(said(drawn).some((word) => word.startsWith("cell "))).toBe(false);
  });

  it("tell of the layer under the pointer what has no room in the table", () => {
    const drawn = new Drawn(kv, of("gemma3"), WHOLE);
    const table = tableOf(drawn);
    Object.assign(drawn.ui, { pointerX: table.x + 40, pointerY: table.y + table.height / 12 });
    const words = said(drawn);
    expect(words).toContain("looks back 16 positions");
    expect(words.some((word) => /^keys .* \/ /.test(word))).toBe(true);
  });

  it("become squares of a map where there is no room for words: cells that have come round are where they are", () => {
    const state = of("rotating");
    const { position } = state.tokens.at(-1)!.event;
    const drawn = new Drawn(kv, state, { ...WHOLE, width: 960, height: 440 });
    const [map] = drawn.heats();
    expect(map!.columns * map!.rows).toBeGreaterThanOrEqual(256);
    const { data } = instrumentRun("rotating").expected.attention;
    for (const [key, weight] of data.entries()) {
      if (key <= position - 1 - 256) continue;
      const cell = key % 256;
      const shown = drawn.value(map!, cell % map!.columns, Math.floor(cell / map!.columns));
      expect(shown).toBeCloseTo(weight, 3);
    }
  });
});

describe("a large panel", () => {
  it("says that a layer keeps nothing, beside those that do", () => {
    const drawn = new Drawn(kv, of("mamba"), WHOLE);
    const words = said(drawn);
    expect(words.filter((word) => word === "none").length).toBeGreaterThan(0);
    expect(drawn.scene.overflow).toBe(0);
  });

  it("fills its height with the layers there are, few or many", () => {
    for (const name of ["smollm2", "gemma3"] as const) {
      const { height } = tableOf(new Drawn(kv, of(name), WHOLE));
      expect(height).toBeGreaterThan(0.85 * (WHOLE.height - 60));
    }
  });

  it("is laid out without overlap, whatever its size", () => {
    for (const [width, height] of [
      [900, 420],
      [992, 520],
      [1248, 560],
      [2528, 1300],
    ] as const) {
      const drawn = new Drawn(kv, of("smollm2"), { ...WHOLE, width, height });
      const table = tableOf(drawn);
      const cells = drawnBy(drawn, "rect").filter(({ x, width: w }) => x + w < table.x - 10);
      expect(cells.length).toBeGreaterThan(20);
      expect(table.x + table.width).toBeLessThanOrEqual(WHOLE.x + width);
      expect(table.y + table.height).toBeLessThanOrEqual(WHOLE.y + height);
      expect(drawn.scene.overflow).toBe(0);
    }
  });

  it("finds room for its map beside all other instruments", () => {
    const scene = new Scene(new Glyphs(new BlockRasterizer()));
    for (const instrument of INSTRUMENTS) instrument.create(scene);
    const drawn = new Drawn(kv, of("smollm2"), WHOLE);
    expect(drawn.heats()).toHaveLength(0);
    expect(() => scene.heat.region(128, 256)).not.toThrow();
  });
});
