import { describe, expect, it } from "vitest";
import {
  ARRANGEMENTS,
  type Arrangement,
  activated,
  contains,
  dropped,
  PRESETS,
  parseArrangement,
  removed,
  SIDES,
  shown,
  weighted,
  widened,
} from "./arrangement";
import { Cockpit } from "./cockpit";

const all = ARRANGEMENTS.everything;
const ids = (arrangement: Arrangement) =>
  SIDES.flatMap((side) => arrangement[side].flatMap(({ tabs }) => tabs));
const tabs = (arrangement: Arrangement) =>
  Object.fromEntries(SIDES.map((side) => [side, arrangement[side].map((cell) => cell.tabs.join("+"))]));

/** A browser's storage, in memory. */
function storage(content: Record<string, string> = {}): Storage {
  const held = new Map(Object.entries(content));
  return {
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, value: string) => void held.set(key, value),
  } as Storage;
}

describe("arrangement", () => {
  it("has every instrument once in the cockpit of everything", () => {
    const once = [
      "attention",
      "entropy",
      "experts",
      "flow",
      "kv",
      "memory",
      "monitor",
      "pulse",
      "rope",
      "waterfall",
    ];
    expect(ids(all).sort()).toEqual(once);
  });

  it("swaps two instruments wherever they stand", () => {
    const after = dropped(all, "kv", { kind: "swap", with: "monitor" });
    expect(tabs(after)).toEqual({
      left: ["kv", "pulse+memory"],
      right: ["attention+entropy", "flow+rope+experts"],
      bottom: ["monitor", "waterfall"],
    });
    expect(after.left[0]!.weight).toBe(all.left[0]!.weight);
    expect(dropped(after, "kv", { kind: "swap", with: "monitor" })).toEqual(all);
  });

  it("makes one a tab of another's place, and brings it to the front", () => {
    const after = dropped(all, "kv", { kind: "join", with: "pulse" });
    expect(tabs(after).left).toEqual(["monitor", "pulse+memory+kv"]);
    expect(tabs(after).bottom).toEqual(["waterfall"]);
    expect(after.left[1]!.active).toBe("kv");
    expect(dropped(all, "kv", { kind: "join", with: "kv" })).toBe(all);
  });

  it("gives one a place of its own, in its own column too", () => {
    const out = dropped(all, "memory", { kind: "insert", side: "left", before: 2 });
    expect(tabs(out).left).toEqual(["monitor", "pulse", "memory"]);
    const up = dropped(all, "waterfall", { kind: "insert", side: "bottom", before: 0 });
    expect(tabs(up).bottom).toEqual(["waterfall", "kv"]);
    const alone = dropped(ARRANGEMENTS.monitor, "monitor", { kind: "insert", side: "right", before: 99 });
    expect(tabs(alone)).toEqual({ left: [], right: ["monitor"], bottom: [] });
  });

  it("never loses or doubles an instrument, whatever is dropped where", () => {
    const drops = [
      ...ids(all).map((id) => ({ kind: "swap", with: id }) as const),
      ...ids(all).map((id) => ({ kind: "join", with: id }) as const),
      ...SIDES.flatMap((side) => [0, 1, 2, 99].map((before) => ({ kind: "insert", side, before }) as const)),
    ];
    for (const id of ids(all)) {
      for (const drop of drops) {
        const after = dropped(all, id, drop);
        expect(ids(after).sort()).toEqual(ids(all).sort());
        for (const side of SIDES) {
          for (const cell of after[side]) expect(cell.tabs).toContain(cell.active);
        }
      }
    }
  });

  it("shows an instrument: to the front, or in", () => {
    expect(shown(all, "rope").right[1]!.active).toBe("rope");
    const added = shown(ARRANGEMENTS.monitor, "kv");
    expect(added.left[0]).toMatchObject({ tabs: ["monitor", "kv"], active: "kv" });
    expect(contains(removed(added, "kv"), "kv")).toBe(false);
    expect(tabs(shown(ARRANGEMENTS.nebula, "kv")).left).toEqual(["kv"]);
  });

  it("changes shares and tabs and nothing else", () => {
    expect(weighted(all, "left", new Map([[1, 7]])).left.map(({ weight }) => weight)).toEqual([562, 7]);
    expect(widened(all, "bottom", 0.3).bottomShare).toBe(0.3);
    expect(widened(all, "left", 5).leftShare).toBe(0.6);
    expect(activated(all, "left", 1, "memory").left[1]!.active).toBe("memory");
  });

  it.each([null, 3, "x", [], { left: 4 }, { left: [{ tabs: [7, "<b>"] }, null] }])(
    "takes %j from the storage for an empty one, or none",
    (stored) => expect(ids(parseArrangement(stored) ?? ARRANGEMENTS.nebula)).toEqual([]),
  );

  it("reads what was stored, each instrument once", () => {
    expect(parseArrangement(JSON.parse(JSON.stringify(all)))).toEqual(all);
    const twice = parseArrangement({ left: all.left, right: all.left, leftShare: -1 })!;
    expect(tabs(twice).right).toEqual([]);
    expect(twice.leftShare).toBe(all.leftShare);
  });
});

describe("cockpit", () => {
  it("keeps what was arranged from visit to visit, by preset", () => {
    const held = storage();
    const first = new Cockpit(held);
    const moved = dropped(all, "kv", { kind: "swap", with: "monitor" });
    first.set("everything", moved);
    first.save();
    const second = new Cockpit(held);
    expect(second.of("everything")).toEqual(moved);
    expect(second.of("memory")).toBe(ARRANGEMENTS.memory);
    second.reset("everything");
    expect(new Cockpit(held).of("everything")).toBe(all);
  });

  it("begins anew when the storage holds nonsense", () => {
    const cockpit = new Cockpit(storage({ "cloud-chamber.cockpit": "{" }));
    for (const preset of PRESETS) expect(cockpit.of(preset)).toBe(ARRANGEMENTS[preset]);
  });
});
