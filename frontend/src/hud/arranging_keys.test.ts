import "../app/platform";
import { describe, expect, it } from "vitest";
import { ARRANGEMENTS, type Arrangement, SIDES } from "./arrangement";
import { joinsOf, movesOf, type Rearrangement, sizesOf } from "./arranging_keys";
import { instrumentOf } from "./instruments";
import { type Layout, layout } from "./layout";

const minimum = (id: string) => (id === "experts" ? null : (instrumentOf(id)?.minimum ?? null));
const laid = (arrangement: Arrangement, focus: string | null = null, width = 1920): Layout =>
  layout(width, 1080, { view: "both", arrangement, focus, minimum });
const rectIn = ({ panels }: Layout, id: string) => panels.find((panel) => panel.id === id)!.rect;
const middle = (place: Layout, id: string) => {
  const { x, y, width, height } = rectIn(place, id);
  return { x: x + width / 2, y: y + height / 2 };
};
const ids = (arrangement: Arrangement) =>
  SIDES.flatMap((side) => arrangement[side].flatMap(({ tabs }) => tabs)).sort();
const ways = (found: readonly Rearrangement[]) => found.map(({ way }) => way).sort();

/** Everything in a place of its own, so that there is much to move. */
const spread: Arrangement = {
  ...ARRANGEMENTS.everything,
  left: [
    { tabs: ["monitor"], active: "monitor", weight: 1 },
    { tabs: ["memory"], active: "memory", weight: 1 },
  ],
  right: [
    { tabs: ["attention"], active: "attention", weight: 1 },
    { tabs: ["flow", "experts", "rope"], active: "flow", weight: 1 },
  ],
};

describe("a panel moved without a pointer", () => {
  it.each([
    ["everything", ARRANGEMENTS.everything],
    ["memory", ARRANGEMENTS.memory],
    ["spread", spread],
  ])("goes where it was sent, and none is lost: %s", (_, arrangement) => {
    const place = laid(arrangement);
    let moves = 0;
    for (const { id } of place.panels) {
      for (const { way, after } of movesOf(arrangement, place, id)) {
        const there = laid(after);
        expect(ids(after)).toEqual(ids(arrangement));
        const [from, to] = [middle(place, id), middle(there, id)];
        const along = way === "up" || way === "down" ? to.y - from.y : to.x - from.x;
        expect([id, way, (way === "left" || way === "up" ? -along : along) > 0]).toEqual([id, way, true]);
        moves++;
      }
    }
    expect(moves).toBeGreaterThan(place.panels.length);
  });

  it("leaves its tabs at first", () => {
    const place = laid(spread);
    const down = movesOf(spread, place, "flow").find(({ way }) => way === "down")!;
    expect(down.after.right.map(({ tabs }) => tabs.join("+"))).toEqual(["attention", "experts+rope", "flow"]);
  });

  it("goes along the strip from column to column", () => {
    let at: Arrangement = spread;
    const sides: string[] = [];
    for (let i = 0; i < 5; i++) {
      const right = movesOf(at, laid(at), "memory").find(({ way }) => way === "right");
      if (!right) break;
      at = right.after;
      sides.push(SIDES.find((side) => at[side].some(({ tabs }) => tabs.includes("memory")))!);
    }
    expect(sides.slice(-1)).toEqual(["right"]);
    expect(sides.slice(0, -1).every((side) => side === "bottom")).toBe(true);
    expect(sides.length).toBeGreaterThan(1);
  });

  it("stays where a small window or a focused panel shows no cockpit", () => {
    expect(movesOf(spread, laid(spread, "attention"), "attention")).toEqual([]);
    expect(sizesOf(spread, laid(spread, "attention"), "attention")).toEqual([]);
    expect(movesOf(spread, laid(spread, null, 800), "monitor")).toEqual([]);
    expect(movesOf(spread, laid(spread), "entropy")).toEqual([]);
  });
});

it("a panel joins the tabs of any other, in front, and of none that it stands with", () => {
  const place = laid(spread);
  const joins = joinsOf(spread, place, "flow");
  expect(joins.map(({ way }) => way)).toEqual(place.panels.map(({ id }) => id).filter((id) => id !== "flow"));
  for (const { way, after } of joins) {
    expect(ids(after)).toEqual(ids(spread));
    const panel = laid(after).panels.find(({ id }) => id === "flow")!;
    expect(panel.tabs).toContain(way);
  }
});

describe("a panel sized without a pointer", () => {
  it("becomes what was asked for, in either direction", () => {
    const place = laid(spread);
    for (const { id } of place.panels) {
      const found = sizesOf(spread, place, id);
      expect(ways(found)).toEqual(["lower", "narrower", "taller", "wider"]);
      for (const { way, after } of found) {
        const [before, now] = [rectIn(place, id), rectIn(laid(after), id)];
        const wide = now.width - before.width;
        const tall = now.height - before.height;
        const grown = { wider: wide, narrower: -wide, taller: tall, lower: -tall }[way]!;
        // At its least size it stays as it is.
        const least = minimum(id)!;
        const atLeast = way === "narrower" || way === "lower";
        const has = way === "narrower" ? before.width - least.width : before.height - least.height;
        if (atLeast && has < 60) expect(grown).toBeGreaterThanOrEqual(0);
        else expect([id, way, grown > 0]).toEqual([id, way, true]);
      }
    }
  });
});
