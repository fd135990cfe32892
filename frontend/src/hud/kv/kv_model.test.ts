import { describe, expect, it } from "vitest";
import { instrumentRun, type RunName, stateOf } from "../../../test/instrument_run";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import {
  attentionRow,
  cellsPerTick,
  kvLayers,
  kvModel,
  positionInCell,
  received,
  zoomCells,
} from "./kv_model";
import { cellAt, placeRing } from "./kv_ring";

const NAMES: RunName[] = ["smollm2", "gemma3", "gpt_oss", "mixtral"];
const prompt = (name: RunName): number => stateOf(instrumentRun(name).events).run!.prefill!.n_tokens;

describe.each(NAMES)("the cache of %s", (name) => {
  const { events, expected } = instrumentRun(name);
  const state = stateOf(events);
  const cache = state.cache!;
  const newest = state.tokens.at(-1)!.event;

  it("holds what NumPy says it holds, layer by layer", () => {
    for (const [row, layer] of cache.layer.data.entries()) {
      const model = kvModel(cache, layer, prompt(name))!;
      expect(model.keysUsed).toBeCloseTo(expected.key_bytes_used.data[row]!, 6);
      expect(model.valuesUsed).toBeCloseTo(expected.value_bytes_used.data[row]!, 6);
      expect(model.prompt + model.answer).toBe(model.used);
      expect(model.used + model.free).toBe(model.cells);
      expect(model.prompt).toBe(prompt(name));
    }
  });

  it("writes next where the newest token really goes, and its spans end there", () => {
    // The last token that was chosen is not in the cache yet.
    const model = kvModel(cache, 0, prompt(name))!;
    expect(model.writeHead).toBe(newest.position);
    expect(model.spans.at(-1)!.to).toBe(model.used);
    expect(model.spans[0]).toMatchObject({ from: 0, tone: "prompt" });
  });

  it("shows as live what the window lets the next token see", () => {
    for (const layer of cache.layer.data) {
      const model = kvModel(cache, layer, prompt(name))!;
      const live = model.spans.reduce((sum, span) => sum + (span.live ? span.to - span.from : 0), 0);
      const window = state.model!.windows.data[layer]!;
      // The next token itself takes one place of its window.
      expect(live).toBe(window > 0 ? Math.min(window - 1, model.used) : model.used);
    }
  });

  it("gives each cell the attention that NumPy reads in the newest row", () => {
    const { layer, head } = name === "smollm2" ? { layer: 23, head: 5 } : { layer: 0, head: 0 };
    const row = attentionRow(state, layer, head, state.layers!.position)!;
    const spikes = received(row, cache, layer, 64, 64);
    for (const [i, weight] of expected.attention.data.entries()) expect(spikes[i]).toBeCloseTo(weight, 6);
    const halved = received(row, cache, layer, 64, 32);
    expect(halved[3]).toBe(Math.max(spikes[6]!, spikes[7]!));
    expect(attentionRow(state, layer, head + 1, state.layers!.position)).toBeNull();
  });
});

describe("the layers in brief", () => {
  it("tell windowed layers from full ones, by what can be seen of them", () => {
    const { events } = instrumentRun("gemma3");
    const layers = kvLayers(stateOf(events).cache!);
    expect([...layers.windowed]).toEqual([1, 1, 1, 1, 1, 0]);
    expect(layers.said).toEqual(["1 full · 5 windowed"]);
    expect(layers.live[0]! * 256).toBeCloseTo(15, 4);
    expect(layers.live[5]).toBe(layers.fill[5]);
  });

  it("say that there is nothing where there is no attention", () => {
    const state = stateOf(instrumentRun("mamba").events);
    const layers = kvLayers(state.cache!);
    expect([...layers.size]).toEqual([...layers.size].fill(0));
    expect(layers.said[0]).toMatch(/^\d+ without$/);
    expect(kvModel(state.cache!, 0, 3)).toBeNull();
  });
});

describe("a real run on a rotating cache", () => {
  const { events, expected } = instrumentRun("rotating");
  const state = stateOf(events);
  const cache = state.cache!;
  const model = kvModel(cache, 0, prompt("rotating"))!;
  const { position } = state.tokens.at(-1)!.event;
  const window = state.model!.windows.data[0]!;

  it("has come round: each position stands in the cell that is its own modulo all cells", () => {
    expect(model).toMatchObject({ rotating: true, cells: 256, used: 256, free: 0, position });
    expect(position).toBeGreaterThan(model.cells);
    expect(model.writeHead).toBe(position % model.cells);
    const held = Array.from({ length: model.cells }, (_, cell) => positionInCell(cache, model, cell));
    expect(held.map((at) => at % model.cells)).toEqual([...held.keys()]);
    expect(Math.max(...held)).toBe(position - 1);
    expect(kvModel(cache, 5, prompt("rotating"))!.writeHead).toBe(position);
  });

  it("has what the window lets the next token see end at the write head", () => {
    const live = model.spans.filter((span) => span.live);
    expect(live.reduce((sum, { from, to }) => sum + to - from, 0)).toBe(window - 1);
    const lit = new Set(
      live.flatMap(({ from, to }) => Array.from({ length: to - from }, (_, i) => from + i)),
    );
    for (let back = 1; back < window; back++) expect(lit).toContain((position - back) % model.cells);
    expect(lit).not.toContain(model.writeHead);
    expect(model.prompt).toBe(model.used - (position - prompt("rotating")));
  });

  it("gives attention to the cells that NumPy's row falls in", () => {
    const row = attentionRow(state, 0, 0, state.layers!.position)!;
    const spikes = received(row, cache, 0, model.cells, model.cells);
    for (const [key, weight] of expected.attention.data.entries()) {
      if (key <= position - 1 - model.cells) expect(weight).toBe(0);
      else expect(spikes[key % model.cells]).toBeCloseTo(weight, 6);
    }
  });
});

describe("a rotating cache", () => {
  const base = stateOf(instrumentRun("gemma3").events).cache!;
  // Eight cells that positions 0 to 9 went through; a window of 6 sees 5 to 9 from position 10.
  const positions = Int32Array.of(8, 9, -1, 3, 4, 5, 6, 7);
  const rotating: CacheStatus = {
    ...base,
    max_len: { data: base.max_len.data.map((n, i) => (i < 5 ? 8 : n)), shape: [6] },
    seq_len: { data: base.seq_len.data.map((n, i) => (i < 5 ? 7 : n)), shape: [6] },
    offset: { data: base.offset.data.map((n, i) => (i < 5 ? 5 : n)), shape: [6] },
    write_head: { data: base.write_head.data.map((n, i) => (i < 5 ? 2 : n)), shape: [6] },
    rotating: { data: Uint8Array.of(1, 1, 1, 1, 1, 0), shape: [6] },
    cell_positions: { data: positions, shape: [8] },
  };

  it("shows the cells where they are, round the wrap", () => {
    const model = kvModel(rotating, 2, 4)!;
    expect(model.spans).toEqual([
      { from: 0, to: 2, tone: "answer", live: true },
      { from: 3, to: 4, tone: "prompt", live: false },
      { from: 4, to: 5, tone: "answer", live: false },
      { from: 5, to: 8, tone: "answer", live: true },
    ]);
    expect(model).toMatchObject({ rotating: true, writeHead: 2, used: 7, free: 1, prompt: 1, answer: 6 });
    expect([0, 2, 3].map((cell) => positionInCell(rotating, model, cell))).toEqual([8, -1, 3]);
    expect(kvModel(rotating, 5, 4)!.rotating).toBe(false);
  });

  it("gives attention to the cell that holds the position", () => {
    const spikes = received({ query: 9, weight: (key) => key / 16 }, rotating, 0, 8, 8);
    expect([...spikes]).toEqual([8, 9, 0, 3, 4, 5, 6, 7].map((key) => key / 16));
  });
});

describe("the ring", () => {
  it("joins cells by powers of two, and its inner part by doubling", () => {
    expect([128, 1024, 4096, 100].map((cells) => cellsPerTick(cells, 128))).toEqual([1, 8, 32, 1]);
    expect([3, 64, 65, 700].map((used) => zoomCells(used, 1024))).toEqual([64, 64, 128, 1024]);
    expect(zoomCells(70, 96)).toBe(96);
  });

  it("finds the cell under the pointer, on each ring by its own scale", () => {
    const place = placeRing(100, 100, 80);
    expect(cellAt(place, 1024, 128, 100 + place.radius, 100.01)).toBe(256);
    expect(cellAt(place, 1024, 128, 100 + place.inner + 2, 100.01)).toBe(32);
    expect(cellAt(place, 1024, 128, 100, 100)).toBe(-1);
    expect(cellAt(place, 1024, 128, 100, 300)).toBe(-1);
  });
});
