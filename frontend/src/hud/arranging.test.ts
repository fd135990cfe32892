import "../app/platform";
import { describe, expect, it } from "vitest";
import { BlockRasterizer } from "../../test/block_rasterizer";
import { instrumentRun, stateOf } from "../../test/instrument_run";
import { Glyphs } from "../text/glyphs";
import { ARRANGEMENTS, type Arrangement } from "./arrangement";
import { Hud } from "./hud";
import type { HudPointerEvent } from "./instrument";
import { instrumentOf } from "./instruments";
import { type Layout, layout, type Rect } from "./layout";

/** The cockpit as it stands, drawn, and a hand on it. */
function cockpit() {
  const state = stateOf(instrumentRun("smollm2").events);
  let arrangement: Arrangement = ARRANGEMENTS.everything;
  let focus: string | null = null;
  let place!: Layout;
  const saved: boolean[] = [];
  const host = {
    send: () => {},
    ask: () => {},
    toggleTopCount: () => {},
    arrangement: () => arrangement,
    arrange: (changed: Arrangement, last: boolean) => {
      arrangement = changed;
      saved.push(last);
      draw();
    },
    focus: (id: string | null) => {
      focus = id;
      draw();
    },
  };
  const hud = new Hud(host, new Glyphs(new BlockRasterizer()));
  const minimum = (id: string) => (id === "experts" ? null : (instrumentOf(id)?.minimum ?? null));
  function draw(): void {
    place = layout(1920, 1080, { view: "both", arrangement, focus, minimum });
    hud.draw(state, place, 1, 100, 100);
  }
  draw();
  const tell = (type: HudPointerEvent["type"], x: number, y: number): boolean =>
    hud.pointer({ type, x, y, dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false }, state);
  const drag = (from: readonly [number, number], ...way: (readonly [number, number])[]): void => {
    tell("press", ...from);
    for (const at of way) tell("drag", ...at);
  };
  const rect = (id: string): Rect => place.panels.find((panel) => panel.id === id)!.rect;
  const heading = (id: string) => [rect(id).x + 60, rect(id).y + 14] as const;
  const middle = (id: string) => [rect(id).x + rect(id).width / 2, rect(id).y + rect(id).height / 2] as const;
  return {
    hud,
    state,
    tell,
    drag,
    rect,
    heading,
    middle,
    saved,
    on: () => place.panels.map(({ id }) => id),
    tabs: () => place.panels.map((panel) => panel.tabs.join("+")),
    arranged: () => arrangement,
    focused: () => focus,
    divider: (side: string, after: number) =>
      place.dividers.find((one) => one.side === side && one.after === after)!.rect,
  };
}

describe("a hand on the cockpit", () => {
  it("drags a panel by its heading to another: the two change places, and that is kept", () => {
    const { drag, tell, heading, middle, rect, saved } = cockpit();
    const [kv, waterfall] = [rect("kv"), rect("waterfall")];
    const to = middle("waterfall");
    drag(heading("kv"), [heading("kv")[0] + 20, heading("kv")[1]], to);
    expect(rect("kv")).toEqual(kv);
    tell("release", ...to);
    expect(rect("waterfall")).toMatchObject({ x: kv.x, y: kv.y });
    expect(rect("kv").x + rect("kv").width).toBe(waterfall.x + waterfall.width);
    expect(saved).toEqual([true]);
  });

  it("takes a press that hardly moves for none", () => {
    const { drag, tell, heading, arranged, hud } = cockpit();
    const [x, y] = heading("kv");
    drag([x, y], [x + 4, y + 2]);
    expect(hud.arranging.dragged).toBeNull();
    tell("release", x + 4, y + 2);
    expect(arranged()).toBe(ARRANGEMENTS.everything);
  });

  it("puts a panel back that is let go of by Escape, or taken away", () => {
    const { drag, tell, heading, middle, arranged, hud, saved } = cockpit();
    drag(heading("kv"), middle("attention"));
    expect(hud.arranging.dragged).toBe("kv");
    expect(hud.cancelMove()).toBe(true);
    tell("release", ...middle("attention"));
    expect(arranged()).toBe(ARRANGEMENTS.everything);
    expect(saved).toEqual([]);
    expect(hud.cancelMove()).toBe(false);
  });

  it("widens a column by the gap beside it, and puts it back", () => {
    const { divider, drag, tell, rect, saved, hud, arranged } = cockpit();
    const gap = divider("left", -1);
    const from = [gap.x + 4, gap.y + 300] as const;
    const { width } = rect("monitor");
    drag(from, [from[0] + 40, from[1]], [from[0] + 80, from[1]]);
    expect(rect("monitor").width).toBe(width + 80);
    hud.cancelMove();
    expect(rect("monitor").width).toBe(width);
    expect(arranged()).toBe(ARRANGEMENTS.everything);
    saved.length = 0;
    drag(from, [from[0] + 80, from[1]]);
    tell("release", from[0] + 80, from[1]);
    expect(rect("monitor").width).toBe(width + 80);
    expect(saved).toEqual([false, true]);
  });

  it("brings a tab to the front, and takes it elsewhere", () => {
    const { tell, drag, on, tabs, rect } = cockpit();
    const strip = [rect("attention").x + 100, rect("attention").y - 12] as const;
    tell("press", ...strip);
    tell("release", ...strip);
    expect(on()).toContain("entropy");
    expect(on()).not.toContain("attention");
    const pulse = [rect("pulse").x + 60, rect("pulse").y + 14] as const;
    drag(strip, pulse);
    tell("release", ...pulse);
    expect(tabs()).toContain("pulse+memory+entropy");
    expect(on()).toContain("attention");
  });

  it("gives a panel the screen by a double click on its heading, or by the mark, and takes it back", () => {
    const { tell, heading, focused, on, rect } = cockpit();
    tell("double", ...heading("flow"));
    expect([focused(), on()]).toEqual(["flow", ["flow"]]);
    const mark = [rect("flow").x + rect("flow").width - 18, rect("flow").y + 16] as const;
    tell("press", ...mark);
    tell("release", ...mark);
    expect(focused()).toBeNull();
    tell("press", rect("kv").x + rect("kv").width - 18, rect("kv").y + 16);
    expect(focused()).toBe("kv");
  });
});

describe("a click in an instrument of the cockpit", () => {
  it("pins the moment of the waterfall's column, and moves no panel", () => {
    const { tell, rect, state, saved } = cockpit();
    const { x, y, width } = rect("waterfall");
    const at = [x + width - 12 - 2.5 * 78, y + 60] as const;
    tell("press", ...at);
    tell("release", ...at);
    const newest = state.tokens.at(-1)!.event.step;
    expect(state.selection.step).toBe(newest - 2);
    expect(saved).toEqual([]);
  });
});
