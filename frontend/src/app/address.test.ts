import { afterEach, beforeEach, expect, it, vi } from "vitest";
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
import { createState } from "../state/initial";
import { presetChosen } from "../state/reduce";
import type { Preset } from "../state/state";
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
function visit(cockpit = new Cockpit()) {
  const state = createState();
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
