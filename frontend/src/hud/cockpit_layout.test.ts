import { describe, expect, it } from "vitest";
import type { ViewMode } from "../state/state";
import { ARRANGEMENTS, type Arrangement, activated, dropped, PRESETS } from "./arrangement";
import { dropAt, dropRect, resized } from "./arranging";
import { instrumentOf } from "./instruments";
import { type Contents, type Divider, type Layout, layout, type Rect } from "./layout";
import { size } from "./theme";

const SIZES = [
  [360, 740],
  [820, 1180],
  [1024, 640],
  [1024, 768],
  [1280, 720],
  [1440, 900],
  [1920, 1080],
  [2560, 1440],
  [3840, 2160],
] as const;

/** Every instrument there will be, with the least size it asks for. */
const minimum = (id: string) => instrumentOf(id)?.minimum ?? { width: 260, height: 200 };
const contents = (arrangement: Arrangement, more: Partial<Contents> = {}): Contents => ({
  view: "both",
  focus: null,
  arrangement,
  minimum,
  ...more,
});
const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

function expectSound(place: Layout): void {
  const { width, height, header, panels, nebula, controls } = place;
  const strips = panels.flatMap(({ strip }) => (strip ? [strip] : []));
  const parts = [header, nebula, controls, ...strips, ...panels.map(({ rect }) => rect)].filter(
    (r) => r !== null,
  );
  for (const r of parts) {
    expect(Object.values(r).every(Number.isInteger), JSON.stringify(r)).toBe(true);
    expect(
      r.x >= 0 && r.y >= 0 && r.x + r.width <= width && r.y + r.height <= height,
      JSON.stringify(r),
    ).toBe(true);
    expect(r.width > 0 && r.height > 0, JSON.stringify(r)).toBe(true);
  }
  for (const [i, a] of parts.entries())
    for (const b of parts.slice(i + 1)) expect(overlap(a, b), JSON.stringify([a, b])).toBe(false);
}

describe("cockpit layout", () => {
  for (const [width, height] of SIZES) {
    for (const preset of PRESETS) {
      for (const view of ["both", "hud"] as const) {
        it(`fits ${preset} into ${width} x ${height}, ${view}`, () => {
          const arrangement = ARRANGEMENTS[preset];
          const place = layout(width, height, contents(arrangement, { view }));
          expectSound(place);
          const there = place.panels.flatMap(({ tabs }) => tabs).sort();
          const wanted = [...arrangement.left, ...arrangement.right, ...arrangement.bottom];
          expect(there).toEqual(wanted.flatMap(({ tabs }) => tabs).sort());
          for (const { id, tabs } of place.panels) expect(tabs).toContain(id);
        });
      }
    }
    it(`gives a focused instrument the page at ${width} x ${height}`, () => {
      const place = layout(width, height, contents(ARRANGEMENTS.everything, { focus: "waterfall" }));
      expectSound(place);
      expect(place.panels).toHaveLength(1);
      expect(place.panels[0]!).toMatchObject({ id: "waterfall", focused: true });
      expect(place.panels[0]!.rect.height).toBeGreaterThan(0.75 * height - 50);
    });
  }

  it("is the page of the recipe at 1920 x 1080: 416 | 1040 | 416, and a strip of 264", () => {
    const { panels, nebula, controls, compact } = layout(1920, 1080, contents(ARRANGEMENTS.everything));
    const of = (id: string) => panels.find((panel) => panel.id === id)!.rect;
    expect(of("monitor")).toEqual({ x: 16, y: 60, width: 416, height: 564 });
    expect(of("kv")).toMatchObject({ x: 444, y: 800, height: 264 });
    expect(of("waterfall").x + of("waterfall").width).toBe(1476);
    expect(of("attention")).toMatchObject({ x: 1488, width: 416 });
    expect(of("flow").y + of("flow").height).toBe(1064);
    expect(nebula).toMatchObject({ x: 444, y: 60, width: 1032 });
    expect(compact).toBe(true);
    expect(controls!.y + controls!.height + size.gutter).toBe(800);
  });

  it("gives the room of the controls to the picture where there are none", () => {
    // A preset without instruments is never shown without the nebula.
    const view = (preset: string) =>
      (preset === "nebula" ? ["nebula"] : ["nebula", "hud", "both"]) as ViewMode[];
    const shapes = SIZES.flatMap((size) =>
      PRESETS.flatMap((preset) => view(preset).map((one) => ({ size, preset, one }))),
    );
    for (const {
      size: [width, height],
      preset,
      one,
    } of shapes) {
      for (const focus of [null, "waterfall"]) {
        for (const timeline of [false, true]) {
          const asked = contents(ARRANGEMENTS[preset], { view: one, focus, timeline });
          const page = layout(width, height, asked);
          const place = layout(width, height, { ...asked, controls: false });
          const named = JSON.stringify([width, height, preset, one, focus, timeline]);
          expectSound(place);
          expect(page.controls, named).not.toBeNull();
          expect(place.controls, named).toBeNull();
          const parts = [place.nebula, ...place.panels.map(({ rect }) => rect)].filter((r) => r !== null);
          const low = Math.max(...parts.map(({ y, height: tall }) => y + tall));
          const end = place.timeline ? place.timeline.y - size.gutter : height;
          expect(end - low, named).toBeLessThanOrEqual(size.margin);
          const used = ({ nebula, panels }: Layout): number =>
            [nebula, ...panels.map(({ rect }) => rect)].reduce(
              (sum, r) => sum + (r ? r.width * r.height : 0),
              0,
            );
          if (one === "nebula") expect(used(place), named).toBe(used(page));
          else expect(used(place), named).toBeGreaterThan(used(page));
        }
      }
    }
  });

  it("leaves out what has nothing to show, and focuses it never", () => {
    const dense = (id: string) => (id === "flow" ? null : minimum(id));
    const place = layout(1920, 1080, contents(ARRANGEMENTS.everything, { minimum: dense, focus: "flow" }));
    expect(place.panels.some(({ tabs }) => tabs.includes("flow"))).toBe(false);
    expect(place.panels.some(({ id }) => id === "rope")).toBe(true);
  });

  it("keeps a chosen tab of another place in front where a small window has put them together", () => {
    const chosen = {
      ...ARRANGEMENTS.everything,
      left: [{ ...ARRANGEMENTS.everything.left[0]!, active: "kv" }],
    };
    const place = layout(1024, 640, contents(chosen));
    expect(place.panels.map(({ id }) => id)).toEqual(["kv"]);
    expect(layout(1920, 1080, contents(chosen)).panels[0]!.id).toBe("monitor");
  });
});

describe("every size", () => {
  const sizes = [...SIZES, [1100, 1000], [1100, 1400]] as const;
  const all = ARRANGEMENTS.everything;
  const idsOf = ({ panels }: Layout): string[] => panels.map(({ id }) => id);

  it.each(sizes)("brings each tab to the front at %i × %i", (width, height) => {
    const place = layout(width, height, contents(all));
    for (const { side, first, tabs } of place.panels)
      for (const tab of tabs)
        expect(idsOf(layout(width, height, contents(activated(all, side, first, tab)))), tab).toContain(tab);
  });

  it.each(sizes)("has lines to drag between panels that share their room at %i × %i", (width, height) => {
    const place = layout(width, height, contents(all));
    for (const { side, after } of place.dividers.filter((divider) => divider.after >= 0)) {
      const own = place.panels.filter((panel) => panel.side === side);
      const at = own.findIndex(({ first }) => first === after);
      expect(own[at] && own[at + 1], `${side} ${after}`).toBeDefined();
    }
  });
});

describe("dragging", () => {
  const arrangement = ARRANGEMENTS.everything;
  const place = layout(1920, 1080, contents(arrangement));
  const again = (changed: Arrangement): Layout => layout(1920, 1080, contents(changed));
  const rectOf = (from: Layout, id: string): Rect => from.panels.find((panel) => panel.id === id)!.rect;
  const middle = ({ x, y, width, height }: Rect): [number, number] => [x + width / 2, y + height / 2];

  it("swaps in the middle, joins at the heading, comes between at an edge", () => {
    const flow = rectOf(place, "flow");
    expect(dropAt(place, "kv", ...middle(flow))).toEqual({ kind: "swap", with: "flow" });
    expect(dropAt(place, "kv", flow.x + 50, flow.y + 10)).toEqual({ kind: "join", with: "flow" });
    const below = dropAt(place, "kv", flow.x + 50, flow.y + flow.height - 10);
    expect(below).toEqual({ kind: "insert", side: "right", before: 2 });
    expect(
      again(dropped(arrangement, "kv", below!)).panels.filter(({ side }) => side === "right"),
    ).toHaveLength(3);
    expect(dropAt(place, "monitor", ...middle(rectOf(place, "monitor")))).toBeNull();
  });

  it("shows beforehand where it would go, on the page", () => {
    for (let x = 0; x < 1920; x += 40) {
      for (let y = 0; y < 1080; y += 40) {
        const drop = dropAt(place, "kv", x, y);
        const rect = drop && dropRect(place, drop);
        if (!rect) continue;
        expect(
          rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= 1920 && rect.y + rect.height <= 1080,
        ).toBe(true);
      }
    }
  });

  it("moves every divider with the hand, as far as the least sizes let it", () => {
    const edge = ({ rect, vertical }: Divider) => (vertical ? rect.x : rect.y);
    for (const divider of place.dividers) {
      const moved = [-40, 40].map((along) => {
        const after = again(resized(arrangement, place, divider, along));
        expectSound(after);
        const same = after.dividers.find((d) => d.side === divider.side && d.after === divider.after)!;
        const by = edge(same) - edge(divider);
        expect(by * along, JSON.stringify(divider)).toBeGreaterThanOrEqual(0);
        return Math.abs(by);
      });
      expect(Math.abs(Math.max(...moved) - 40), JSON.stringify(divider)).toBeLessThanOrEqual(4);
    }
  });
});
