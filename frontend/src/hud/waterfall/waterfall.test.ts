import "../../app/platform";
import { describe, expect, it, vi } from "vitest";
import { BlockRasterizer } from "../../../test/block_rasterizer";
import { instrumentRun, stateOf } from "../../../test/instrument_run";
import { apply, stepSelected } from "../../state/reduce";
import type { Requests } from "../../state/requests";
import type { TokenGenerated } from "../../telemetry/protocol.gen";
import { Glyphs } from "../../text/glyphs";
import { ITEM_WORDS, KIND, PLACE, Shape } from "../items";
import { Scene } from "../scene";
import { createHudUi } from "../ui";
import { waterfall } from "./waterfall";
import { SMALL } from "./waterfall_column";
import { placeOf } from "./waterfall_place";

const RECT = { x: 736, y: 800, width: 740, height: 264 };
type Asked = Parameters<Requests["ask"]>;

function stage(name: Parameters<typeof instrumentRun>[0] = "smollm2") {
  const { events } = instrumentRun(name);
  const state = stateOf(events);
  const scene = new Scene(new Glyphs(new BlockRasterizer()));
  const asked: Asked[] = [];
  const ask = ((...question: Asked) => void asked.push(question)) as Requests["ask"];
  const ui = createHudUi({ send: () => {}, ask, toggleTopCount: () => {}, focus: () => {} });
  const view = waterfall.create(scene);
  const draw = (now: number): void => {
    scene.reset(1920, 1080, 1);
    ui.hits.reset();
    view.draw(state, RECT, now, ui);
    scene.endLayer();
  };
  const tokens = events.filter((event): event is TokenGenerated => event.kind === "token");
  return { state, scene, ui, view, asked, draw, tokens };
}

/** Left, top, width of all plain rectangles. */
function fills(scene: Scene): { x: number; y: number; width: number }[] {
  const floats = new Float32Array(scene.words.buffer);
  const found = [];
  for (let i = 0; i < scene.shapeCount; i++) {
    const o = i * ITEM_WORDS;
    if ((scene.words[o + KIND]! & 0xff) !== Shape.fill) continue;
    const [x, y, right] = [floats[o + PLACE]!, floats[o + PLACE + 1]!, floats[o + PLACE + 2]!];
    found.push({ x, y, width: right - x });
  }
  return found;
}

const event = { x: 0, y: 0, dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false } as const;

describe.each(["smollm2", "gemma3", "gpt_oss", "mamba", "mixtral"] as const)(
  "the waterfall of %s",
  (name) => {
    it("draws each candidate as wide as its probability, on one scale for all", () => {
      const { scene, draw, tokens } = stage(name);
      draw(100);
      const { area, step, rows, visible, top, density } = placeOf(RECT);
      const bars = fills(scene);
      const first = top + density.head + density.token;
      let seen = 0;
      for (const token of tokens.slice(-Math.floor(visible))) {
        const left = Math.round(area.x + area.width - (tokens.length - token.step) * step) + 4;
        for (const [i, p] of [...token.top_p.data.slice(0, rows)].entries()) {
          const y = first + i * density.row;
          const bar = bars.find((one) => Math.abs(one.x - left) + Math.abs(one.y - y) < 1e-2);
          expect(bar?.width, `candidate ${i} of token ${token.step}`).toBeCloseTo(p * (step - 8), 3);
          seen++;
        }
      }
      expect(seen).toBe(Math.min(tokens.length, Math.floor(visible)) * rows);
    });
  },
);

describe("the waterfall on a recorded run", () => {
  it("puts the newest column at the right edge once it has slid in", () => {
    const { ui, draw, tokens } = stage();
    draw(100);
    const { area, step } = placeOf(RECT);
    const at = (back: number) =>
      ui.hits.find(area.x + area.width - (back + 0.5) * step, area.y + 40, "column")?.value;
    expect([at(0), at(1), at(7)]).toEqual([tokens.length - 1, tokens.length - 2, tokens.length - 8]);
  });

  it("pins the token of a column that is clicked, stays there, and goes back to now", () => {
    const { state, ui, view, draw, tokens } = stage();
    draw(100);
    const { area, step } = placeOf(RECT);
    const column = () => ui.hits.find(area.x + area.width - 2.5 * step, area.y + 40)!;
    const click = () => {
      const hit = column();
      view.pointer!(hit, { ...event, type: "press" }, state, ui);
      view.pointer!(hit, { ...event, type: "release" }, state, ui);
    };
    click();
    expect(state.selection.step).toBe(tokens.length - 3);
    const fresh = { ...tokens[0]!, step: tokens.length, entropy: 1 };
    apply(state, { kind: "frame", number: 0, time: 0, first_seq: 0, events: [fresh], state: [] }, 101);
    draw(102);
    expect(column().value).toBe(tokens.length - 3);
    let x = RECT.x;
    while (!ui.hits.find(x, RECT.y + 15, "button") && x < RECT.x + RECT.width) x++;
    const now = ui.hits.find(x, RECT.y + 15, "button")!;
    view.pointer!(now, { ...event, type: "press" }, state, ui);
    draw(103);
    draw(104);
    expect([state.selection.step, column().value]).toEqual([null, tokens.length - 2]);
  });

  it("writes a token of ten letters smaller rather than cut", () => {
    const { state, draw, scene } = stage();
    const said = (token: string): [string, unknown][] => {
      state.vocabulary = { label: () => token } as unknown as typeof state.vocabulary;
      const written = vi.spyOn(scene, "textWithinAt");
      draw(100);
      const words = written.mock.calls.map(([text, style]) => [text, style] as [string, unknown]);
      written.mockRestore();
      return words;
    };
    expect(said("·streets")).toContainEqual(["streets", SMALL.name]);
    expect(said("·Portsmouth")).toContainEqual(["Portsmouth", SMALL.word]);
  });

  it("scrolls with a drag, which does not pin", () => {
    const { state, ui, view, draw, tokens } = stage();
    draw(100);
    const { area, step, visible } = placeOf(RECT);
    const hit = { ...ui.hits.find(area.x + area.width - step / 2, area.y + 40)! };
    view.pointer!(hit, { ...event, type: "press" }, state, ui);
    view.pointer!(hit, { ...event, type: "drag", dx: 2 * step }, state, ui);
    view.pointer!(hit, { ...event, type: "release" }, state, ui);
    draw(100.1);
    expect(state.selection.step).toBeNull();
    expect(ui.hits.find(area.x + area.width - step / 2, area.y + 40)!.value).toBe(tokens.length - 3);
    view.pointer!(hit, { ...event, type: "wheel", wheel: -10_000 }, state, ui);
    draw(100.2);
    expect(ui.hits.find(area.x + 3, area.y + 40)!.value).toBe(0);
    expect(visible).toBeGreaterThanOrEqual(8);
    stepSelected(state, null);
    draw(100.3);
    draw(101);
    expect(ui.hits.find(area.x + area.width - step / 2, area.y + 40)!.value).toBe(tokens.length - 1);
  });

  it("asks the server for what the page has forgotten, and draws it when it comes", () => {
    const { state, ui, view, asked, draw, tokens, scene } = stage();
    const far = 9000;
    const fresh = { ...tokens[3]!, step: far };
    state.tokens.clear();
    apply(state, { kind: "frame", number: 0, time: 0, first_seq: 0, events: [fresh], state: [] }, 101);
    draw(110);
    const { track, step, rows } = placeOf(RECT);
    const slider = { ...ui.hits.find(track.x + 5, track.y + 4, "slider")! };
    view.pointer!(slider, { ...event, type: "press", x: track.x }, state, ui);
    draw(111);
    expect(asked.map(([, question]) => question)).toContainEqual({ kind: "get_tokens", start: 0, stop: 256 });
    const page = asked.findLast(([, question]) => question.kind === "get_tokens" && question.start === 0)!;
    const reply = {
      run_id: state.run!.started.run_id,
      tokens: tokens.map((one, i) => ({ ...one, step: i })),
    };
    page[2](reply as never);
    draw(111.1);
    const bars = fills(scene).map(({ width }) => width);
    for (const p of tokens[0]!.top_p.data.slice(0, rows)) {
      expect(Math.min(...bars.map((width) => Math.abs(width - p * (step - 8))))).toBeLessThan(1e-3);
    }
  });
});
