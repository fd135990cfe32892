import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Drawn } from "../../test/drawn";
import { recorded, stateAfter } from "../../test/monitor_run";
import {
  ARRANGEMENTS,
  type Arrangement,
  activated,
  dropped,
  PRESETS,
  SIDES,
  widened,
} from "../hud/arrangement";
import { Cockpit } from "../hud/cockpit";
import { layout } from "../hud/layout";
import { monitor } from "../hud/monitor";
import { waterfall } from "../hud/waterfall/waterfall";
import { createState } from "../state/initial";
import { apply, presetChosen, stepSelected } from "../state/reduce";
import type { AppState, Preset } from "../state/state";
import type { ArchiveSource } from "../telemetry/archive_source";
import type { TokenGenerated } from "../telemetry/protocol.gen";
import { Address } from "./address";

const place = { search: "", pathname: "/", hash: "" };

beforeEach(() => {
  place.search = "";
  vi.stubGlobal("location", place);
  const replaceState = (_: unknown, __: string, address: string) => {
    place.search = new URL(address, "http://localhost").search;
  };
  vi.stubGlobal("history", { replaceState });
});
afterEach(() => vi.unstubAllGlobals());

/** A page at the address as it is now, in a browser that has kept nothing. */
function visit(cockpit = new Cockpit(), state = createState()) {
  const ui: { cockpit: Cockpit; topCount: 5 | 20 } = { cockpit, topCount: 5 };
  const address = new Address(state, ui, () => null);
  address.read();
  let now = 0;
  return { state, cockpit, ui, update: () => address.update(++now) };
}

const placed = (arrangement: Arrangement, width: number, height: number) =>
  layout(width, height, {
    view: "both",
    arrangement,
    focus: null,
    minimum: () => ({ width: 240, height: 230 }),
  });

const all = ARRANGEMENTS.everything;
const changes: Record<string, Arrangement> = {
  "another tab": activated(all, "right", 0, "entropy"),
  "a wider column": widened(all, "left", 0.3127),
  "two that changed places": dropped(all, "kv", { kind: "swap", with: "monitor" }),
  "a side that is empty": { ...all, bottom: [] },
};

it.each(Object.entries(changes))("a link opens the same panels: %s", (_, arranged) => {
  const first = visit();
  first.cockpit.set("everything", arranged);
  first.update();
  expect(place.search).not.toContain("%");
  const opened = visit().cockpit.of("everything");
  for (const [width, height] of [
    [1440, 900],
    [1920, 1080],
  ] as const)
    expect(placed(opened, width, height)).toEqual(placed(arranged, width, height));
});

it("a link opens the same number of candidates", () => {
  const first = visit();
  first.ui.topCount = 20;
  first.update();
  expect(place.search).toBe("?candidates=20");
  const second = visit();
  expect(second.ui.topCount).toBe(20);
  second.ui.topCount = 5;
  second.update();
  expect(place.search).toBe("");
});

it("says nothing of what stands as delivered, of any preset", () => {
  const { state, update, cockpit } = visit();
  for (const preset of PRESETS) {
    presetChosen(state, preset);
    update();
    expect(place.search).toBe(preset === "everything" ? "" : `?preset=${preset}`);
  }
  presetChosen(state, "everything");
  cockpit.set("everything", changes["another tab"]!);
  update();
  expect(place.search).toBe("?right=0.2167*attention.entropy-548-1*flow.rope.experts-444");
  cockpit.reset("everything");
  update();
  expect(place.search).toBe("");
});

it("leaves alone what this browser has kept, until a hand changes what a link has brought", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => kept.set(key, value),
  };
  const own = new Cockpit(storage as unknown as Storage);
  own.set("everything", changes["a wider column"]!);
  own.save();
  place.search = "?right=0.2*entropy-1";
  const { cockpit } = visit(new Cockpit(storage as unknown as Storage));
  expect(cockpit.of("everything").right).toEqual([{ tabs: ["entropy"], active: "entropy", weight: 1 }]);
  cockpit.save();
  expect(new Cockpit(storage as unknown as Storage).of("everything")).toEqual(changes["a wider column"]);
  cockpit.set("everything", changes["another tab"]!);
  cockpit.save();
  expect(new Cockpit(storage as unknown as Storage).of("everything")).toEqual(changes["another tab"]);
});

it.each(["left=", "left=*", "left=x*<b>-1", "bottom=9*kv-NaN-7*kv-1", `right=${"*a-1".repeat(999)}`])(
  "makes something that can be shown of %s",
  (search) => {
    place.search = `?${search}`;
    const { cockpit, state } = visit();
    const shown = cockpit.of(state.preset as Preset);
    for (const side of SIDES) {
      expect(shown[side].length).toBeLessThanOrEqual(16);
      for (const { tabs, active, weight } of shown[side]) {
        expect(tabs).toContain(active);
        expect(weight).toBeGreaterThan(0);
      }
    }
    expect(shown.bottomShare).toBeGreaterThan(0);
    expect(shown.bottomShare).toBeLessThanOrEqual(0.6);
  },
);

describe("a link to where something was scrolled", () => {
  const WIDE = { x: 16, y: 60, width: 740, height: 264 };
  const TALL = { x: 16, y: 60, width: 352, height: 460 };
  const wheel = (by: number) => ({ type: "wheel", wheel: by }) as const;

  /** Regions of a kind as they are now: where they stand and of what. */
  function regions({ ui, rect }: Drawn, kind: string): string[] {
    const seen = new Set<string>();
    for (let y = rect.y; y < rect.y + rect.height; y += 3)
      for (let x = rect.x; x < rect.x + rect.width; x += 3) {
        const hit = ui.hits.find(x, y);
        if (hit?.kind === kind) seen.add(`${hit.value} ${hit.x.toFixed(2)} ${hit.y.toFixed(2)}`);
      }
    return [...seen].sort();
  }

  /** The tokens of the recorded run, again and again. */
  function runOf(count: number): AppState {
    const state = stateAfter(count);
    const tokens = recorded.filter((event): event is TokenGenerated => event.kind === "token");
    for (let step = state.run!.count; step < count; step++) {
      const events = [{ ...tokens[step % tokens.length]!, step }];
      apply(state, { kind: "frame", number: 0, time: 0, first_seq: 0, events, state: [] }, 3 + step / 20);
    }
    return state;
  }

  /** A page with an instrument on it, of a run with so many tokens. */
  function page(instrument: typeof waterfall, rect: typeof WIDE, tokens: number) {
    const visited = visit(new Cockpit(), runOf(tokens));
    visited.update();
    const drawn = new Drawn(instrument, visited.state, rect);
    return { ...visited, drawn };
  }

  it("opens the waterfall at the same columns", () => {
    const { drawn, update } = page(waterfall, WIDE, 40);
    drawn.press("column", 39, 0.5, 0.1, wheel(-1234));
    update();
    expect(place.search).toMatch(/^\?waterfall\.end=\d+(\.\d+)?$/);
    const shown = regions(drawn, "column");
    const opened = page(waterfall, WIDE, 40);
    expect(regions(opened.drawn, "column")).toEqual(shown);
    stepSelected(opened.state, null);
    opened.drawn.draw();
    opened.update();
    expect(place.search).toBe("");
  });

  it("opens it there whatever token is pinned", () => {
    const { drawn, update, state } = page(waterfall, WIDE, 40);
    stepSelected(state, 38);
    drawn.draw();
    drawn.press("column", 38, 0.5, 0.1, wheel(-1000));
    update();
    expect(place.search).toMatch(/^\?step=38&waterfall\.end=/);
    const shown = regions(drawn, "column");
    const opened = page(waterfall, WIDE, 40);
    opened.drawn.draw();
    expect(opened.state.selection.step).toBe(38);
    expect(regions(opened.drawn, "column")).toEqual(shown);
    opened.update();
    stepSelected(opened.state, 3);
    opened.drawn.draw();
    opened.drawn.draw();
    expect(regions(opened.drawn, "column").some((one) => one.startsWith("3 "))).toBe(true);
  });

  it("says nothing of a run that is over", () => {
    const { drawn, update, state } = page(waterfall, WIDE, 40);
    drawn.press("column", 39, 0.5, 0.1, wheel(-1000));
    const { run } = state;
    state.run = { ...run!, started: { ...run!.started, run_id: "another" } };
    drawn.draw();
    update();
    expect(place.search).toBe("");
  });

  it("opens the token stream at the same words", () => {
    const { drawn, update } = page(monitor, TALL, 200);
    const newest = regions(drawn, "token");
    drawn.press("stream", 0, 0.5, 0.02, wheel(-90));
    update();
    expect(place.search).toMatch(/^\?monitor\.line=\d+$/);
    const shown = regions(drawn, "token");
    expect(shown).not.toEqual(newest);
    const opened = page(monitor, TALL, 200);
    opened.drawn.draw();
    expect(regions(opened.drawn, "token")).toEqual(shown);
    opened.drawn.press("stream", 0, 0.5, 0.02, wheel(9000));
    opened.update();
    expect(place.search).toBe("");
  });

  it("opens the token stream there when the run has come so far, and keeps the address meanwhile", () => {
    const { drawn, update } = page(monitor, TALL, 200);
    drawn.press("stream", 0, 0.5, 0.02, wheel(-90));
    update();
    const { search } = place;
    const shown = regions(drawn, "token");
    const early = page(monitor, TALL, 40);
    early.update();
    expect(place.search).toBe(search);
    const { run, tokens } = runOf(200);
    Object.assign(early.state, { run, tokens });
    early.drawn.draw();
    early.drawn.draw();
    expect(regions(early.drawn, "token")).toEqual(shown);
  });

  it("keeps the words in view when the text is wrapped anew", () => {
    const { drawn, state } = page(monitor, TALL, 200);
    drawn.press("stream", 0, 0.5, 0.02, wheel(-90));
    const lowest = Number(state.options.get("monitor.line"));
    drawn.draw({ ...TALL, width: 420 });
    const steps = regions({ ui: drawn.ui, rect: { ...TALL, width: 420 } } as Drawn, "token").map((one) =>
      Number(one.split(" ")[0]),
    );
    expect(Math.min(...steps)).toBeLessThanOrEqual(lowest);
    expect(Math.max(...steps)).toBeGreaterThanOrEqual(lowest);
    expect(Math.max(...steps)).toBeLessThan(lowest + 20);
  });
});

it.each([
  [19.30644, "19.307"],
  [19.306, "19.306"],
  [19.306 + 1e-12, "19.306"],
  [0, "0"],
])("a replay that stands at %d s is opened there, and not before its newest token", (time, expected) => {
  const playback = { time, playing: false, pause: () => {}, play: () => {} };
  const seek = (to: number) => {
    playback.time = to;
  };
  const replay = { playback, seek } as unknown as ArchiveSource;
  const ui = { cockpit: new Cockpit(), topCount: 5 as const };
  const stand = () => new Address(createState(), ui, () => null, replay);
  stand().update(1);
  expect(new URLSearchParams(place.search).get("at")).toBe(expected);
  stand().read();
  expect(playback.time).toBeGreaterThanOrEqual(time - 1e-9);
  stand().update(2);
  expect(new URLSearchParams(place.search).get("at"), "opened again, it stays").toBe(expected);
});
