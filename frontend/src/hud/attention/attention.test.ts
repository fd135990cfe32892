import "../../app/platform";
import { describe, expect, it, vi } from "vitest";
import { BlockRasterizer } from "../../../test/block_rasterizer";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import { headSelected, stepSelected } from "../../state/reduce";
import type { Asked } from "../../state/requests";
import { halfToFloat } from "../../telemetry/half";
import type { AttentionWeights } from "../../telemetry/protocol.gen";
import { Glyphs } from "../../text/glyphs";
import { probability } from "../format";
import { HEAT_EDGE } from "../heat_store";
import { FORM, ITEM_WORDS, KIND, Shape } from "../items";
import { Scene } from "../scene";
import { createHudUi } from "../ui";
import { attention } from "./attention";
import { attentionModel } from "./attention_model";

const RECT = { x: 1488, y: 60, width: 416, height: 548 };

function drawn(name: Parameters<typeof instrumentRun>[0]) {
  const { events } = instrumentRun(name);
  const state = stateOf(events);
  const last = events.findLast((event): event is AttentionWeights => event.kind === "attention");
  if (last) Object.assign(state.selection, { layer: last.layer, head: last.head });
  const scene = new Scene(new Glyphs(new BlockRasterizer()));
  const sent: Asked[] = [];
  const ui = createHudUi({
    send: () => {},
    ask: (_, asked) => sent.push(asked),
    toggleTopCount: () => {},
    focus: () => {},
  });
  const view = attention.create(scene);
  const draw = (now: number, rect = RECT, pixelRatio = 1): void => {
    scene.reset(1920, 1080, pixelRatio);
    ui.hits.reset();
    view.draw(state, rect, now, ui);
    scene.endLayer();
  };
  draw(100);
  draw(101);
  return { state, scene, ui, view, sent, draw, last };
}

/** Heat items of the scene: where in the heat texture, and how many cells. */
function heats(scene: Scene): { x: number; y: number; columns: number; rows: number }[] {
  const floats = new Float32Array(scene.words.buffer);
  const found = [];
  for (let i = 0; i < scene.shapeCount; i++) {
    if ((scene.words[i * ITEM_WORDS + KIND]! & 0xff) !== Shape.heat) continue;
    const o = i * ITEM_WORDS + FORM;
    found.push({ x: floats[o]!, y: floats[o + 1]!, columns: floats[o + 2]!, rows: floats[o + 3]! });
  }
  return found;
}

describe("the attention instrument on a recorded run", () => {
  it("shows the weights of the newest row as they were recorded", () => {
    const { scene, state, last } = drawn("smollm2");
    const length = state.tokens.at(-1)!.event.position;
    const matrix = heats(scene).find(({ columns }) => columns >= length)!;
    expect(matrix.columns).toBeLessThan(length * 1.15);
    const { weights } = last!;
    const [rows = 0, keys = 0] = weights.shape;
    const at = (matrix.y + length - 1) * HEAT_EDGE + matrix.x;
    for (let key = 0; key < keys; key++) {
      expect(scene.heat.values[at + key]).toBe(weights.data[(rows - 1) * keys + key]);
    }
    expect(scene.overflow).toBe(0);
  });

  it("asks for what it lacks of a head as soon as it is selected, and once", () => {
    const { state, ui, view, sent, draw } = drawn("smollm2");
    headSelected(state, 3, 1);
    sent.length = 0;
    view.ask!(state, ui);
    const [first, ...others] = sent.filter((asked) => asked.kind === "get_attention");
    expect(first).toMatchObject({ layer: 3, head: 1, query_start: 0 });
    draw(102);
    expect(sent.filter((asked) => asked.kind === "get_attention")).toHaveLength(1 + others.length);
  });

  it.each(["smollm2", "gemma3", "gpt_oss", "mixtral"] as const)(
    "says of %s's row what NumPy says",
    (name) => {
      const { state, scene } = drawn(name);
      const { expected } = instrumentRun(name);
      expect(scene.overflow).toBe(0);
      const { row } = attentionModel(state, "head");
      const weights = [...expected.attention.data];
      const peak = weights.indexOf(Math.max(...weights));
      expect(row!.peak).toBe(peak);
      expect(row!.peakWeight).toBeCloseTo(weights[peak]!, 3);
      const sum = weights.reduce((a, b) => a + b, 0);
      const nats = -weights.reduce((a, w) => a + (w > 0 ? (w / sum) * Math.log(w / sum) : 0), 0);
      expect(row!.entropy).toBeCloseTo(nats, 3);
      const window = state.model!.windows.data[state.selection.layer]!;
      const seen = window > 0 ? Math.min(window, weights.length) : weights.length;
      expect(row!.entropyShare).toBeCloseTo(nats / Math.log(seen), 3);
      expect(row!.first).toBeCloseTo(weights[0]!, 3);
    },
  );

  it("paints how focused each head is, and nothing where a layer lacks it", () => {
    const { scene, state } = drawn("smollm2");
    const { n_layer, n_head } = state.model!;
    const overview = heats(scene).find(({ columns, rows }) => columns === n_layer && rows === n_head)!;
    const summary = state.heads!;
    for (let layer = 0; layer < n_layer; layer += 3) {
      for (let head = 0; head < n_head; head += 2) {
        const entropy = summary.entropy.data[layer * n_head + head]!;
        const focus = Math.max(0, 1 - entropy / Math.log(summary.position + 1));
        const value = halfToFloat(scene.heat.values[(overview.y + head) * HEAT_EDGE + overview.x + layer]!);
        expect(value).toBeCloseTo(focus ** 2.1, 3);
      }
    }
  });

  it("names the strongest key in brief where the matrix is small", () => {
    const { scene, state, draw } = drawn("smollm2");
    const said = (width: number, height: number): string[] => {
      const written = vi.spyOn(scene, "text");
      draw(102, { x: 0, y: 0, width, height });
      const words = written.mock.calls.map(([, , text]) => text);
      written.mockRestore();
      return words;
    };
    const { row } = attentionModel(state, "head");
    const value = `"${row!.peakLabel}" ${probability(row!.peakWeight)}`;
    expect(said(416, 340)).toEqual(expect.arrayContaining(["strongest", value]));
    expect(said(330, 290)).toEqual(expect.arrayContaining(["peak", value]));
    expect(said(330, 290)).not.toContain("strongest");
  });

  it("keeps the peak's weight whole where its token has no room, and of the token what there is room for", () => {
    const { scene, state, draw } = drawn("smollm2");
    const said = (token: string): string[] => {
      state.vocabulary = { label: () => token } as unknown as typeof state.vocabulary;
      const written = vi.spyOn(scene, "text");
      // As in the cockpit at 1440 x 900.
      draw(102, { x: 0, y: 0, width: 352, height: 424 });
      const words = written.mock.calls.map(([, , text]) => text);
      written.mockRestore();
      return words;
    };
    const weight = probability(attentionModel(state, "head").row!.peakWeight);
    expect(said("·sea")).toContain(`"·sea" ${weight}`);
    expect(said("·lighthouse")).toContain(`lighthouse ${weight}`);
    expect(said("·antidisestablishmentarianism")).toContainEqual(
      expect.stringMatching(new RegExp(`^antidi\\S*…\\S*m \\${weight}$`)),
    );
    const two = said("·antidisestablishmentarianism").find((words) => words.includes("→"));
    expect(two).toMatch(/^anti\S*…\S*m → anti\S*…\S*m$/);
  });

  it("names the token that is made next whole where the readout is large", () => {
    const { scene, state, draw } = drawn("smollm2");
    const said = (token: string): string[] => {
      state.vocabulary = { label: () => token } as unknown as typeof state.vocabulary;
      const written = vi.spyOn(scene, "text");
      // As in the set for attention at 1920 x 1080.
      draw(102, { x: 0, y: 0, width: 770, height: 1004 });
      const words = written.mock.calls.map(([, , text]) => text);
      written.mockRestore();
      return words;
    };
    const next = (words: string[]) => words[words.indexOf("makes next") + 1];
    expect(next(said("·city"))).toBe('"·city"');
    expect(next(said("·Portsmouth"))).toBe('"·Portsmouth"');
  });

  it("writes tokens below whole: of seven letters in the cockpit, of ten on the whole screen", () => {
    const { scene, state, draw } = drawn("smollm2");
    const cutBelow = (token: string, width: number, height: number): boolean => {
      state.vocabulary = { label: () => token } as unknown as typeof state.vocabulary;
      const written = vi.spyOn(scene, "textDownAt");
      draw(102, { x: 0, y: 0, width, height });
      const words = written.mock.calls.map(([text]) => text);
      written.mockRestore();
      expect(words.length).toBeGreaterThan(5);
      return words.some((word) => word.endsWith("…"));
    };
    expect(cutBelow("·British", 416, 548)).toBe(false);
    expect(cutBelow("·Atlantic", 416, 548)).toBe(true);
    expect(cutBelow("·lighthouse", 1888, 944)).toBe(false);
    expect(cutBelow("·Southampton", 1888, 944)).toBe(true);
  });

  it("joins cells only where there are fewer device pixels", () => {
    const { scene, draw } = drawn("smollm2");
    const small = { x: 0, y: 0, width: 330, height: 90 };
    const columns = (pixelRatio: number): number => {
      draw(102 + pixelRatio, small, pixelRatio);
      return Math.max(...heats(scene).map((heat) => heat.columns));
    };
    expect([columns(1), columns(2)]).toEqual([23, 46]);
  });

  it("asks for the rows that the stream did not bring, once", () => {
    const { sent, draw } = drawn("smollm2");
    const asked = sent.filter((command) => command.kind === "get_attention");
    draw(101.1);
    expect(sent.filter((command) => command.kind === "get_attention")).toHaveLength(asked.length);
  });

  it("shows a sink's share where the model has sinks", () => {
    const { state } = drawn("gpt_oss");
    const { row } = attentionModel(state, "head");
    const { expected } = instrumentRun("gpt_oss");
    const sum = [...expected.attention.data].reduce((a, b) => a + b, 0);
    expect(row!.sink).toBeCloseTo(1 - sum, 3);
    expect(row!.sink).toBeGreaterThan(0);
  });

  it("says why a model without attention shows none", () => {
    const { state } = drawn("mamba");
    expect(attentionModel(state, "head").absent).toBe(state.model!.lacks.attention);
  });

  it("turns to the query that made the pinned token", () => {
    const { state, draw, scene } = drawn("smollm2");
    const step = state.tokens.at(-2)!.event.step;
    const { position } = state.tokens.at(-2)!.event;
    stepSelected(state, step);
    const model = attentionModel(state, "head");
    expect([model.query, model.length]).toEqual([position - 1, position + 1]);
    draw(103);
    expect(scene.overflow).toBe(0);
  });

  it("says nothing of a maximum's entropy, which has none, and asks for joined heads", () => {
    const { state, ui, view, draw, sent } = drawn("smollm2");
    const length = state.tokens.at(-1)!.event.position;
    for (let y = RECT.y; y < RECT.y + RECT.height; y += 4) {
      const hit = ui.hits.find(RECT.x + 110, y, "button");
      if (hit?.value !== 2) continue;
      const event = { type: "press", x: 0, y, dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false } as const;
      view.pointer!(hit, event, state, ui);
      break;
    }
    draw(104);
    const asked = sent.at(-1)!;
    expect(asked).toMatchObject({ kind: "get_attention", mode: "max", key_start: 0 });
    expect(asked).toHaveProperty("query_stop", length + 16); // and those that come meanwhile
    expect(attentionModel(state, "max").name).toBe(`L${state.selection.layer} · max of 9 heads`);
  });

  it("follows slider, overview and buttons", () => {
    const { state, ui, view, draw } = drawn("smollm2");
    const press = (x: number, y: number): void => {
      const hit = ui.hits.find(x, y)!;
      const event = { type: "press", x, y, dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false } as const;
      expect(view.pointer!(hit, event, state, ui)).toBe(true);
      draw(102);
    };
    const regions = (kind: string): { x: number; y: number; width: number; height: number }[] => {
      const found = new Map();
      for (let y = RECT.y; y < RECT.y + RECT.height; y += 2) {
        for (let x = RECT.x; x < RECT.x + RECT.width; x += 4) {
          const hit = ui.hits.find(x, y);
          if (hit?.kind === kind) found.set(`${hit.x}/${hit.y}`, { ...hit });
        }
      }
      return [...found.values()];
    };
    const overview = regions("head")[0]!;
    const { n_layer, n_head } = state.model!;
    press(overview.x + (7.5 / n_layer) * overview.width, overview.y + (2.5 / n_head) * overview.height);
    expect([state.selection.layer, state.selection.head]).toEqual([7, 2]);
    const [layers, heads] = regions("slider");
    press(layers!.x + layers!.width - 8, layers!.y + 5);
    press(heads!.x + 8, heads!.y + 5);
    expect([state.selection.layer, state.selection.head]).toEqual([n_layer - 1, 0]);
    expect(regions("button")).toHaveLength(5);
  });
});
