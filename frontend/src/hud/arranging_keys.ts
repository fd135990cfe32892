import { type Arrangement, dropped, type Side } from "./arrangement";
import { resized } from "./arranging";
import type { Layout, Panel } from "./layout";

/** Something that can be done to a panel without a pointer. */
export interface Rearrangement {
  /** `left`, `wider`, …; or another panel. */
  readonly way: string;
  readonly after: Arrangement;
}

/** Logical pixels by which a panel becomes larger or smaller. */
const STEP = 48;

/** Where a panel of the cockpit on show can go, one place at a time: out of its tabs first. */
export function movesOf(arrangement: Arrangement, layout: Layout, id: string): Rearrangement[] {
  const panel = panelOf(arrangement, layout, id);
  if (!panel) return [];
  const { side } = panel;
  const [back, on] = side === "bottom" ? ["left", "right"] : ["up", "down"];
  return [
    ...along(arrangement, layout, panel, back!, -1),
    ...along(arrangement, layout, panel, on!, 1),
    ...across(arrangement, panel),
  ];
}

/** The panels whose place it can share, as another tab: `way` is the id of the one on show there. */
export function joinsOf(arrangement: Arrangement, layout: Layout, id: string): Rearrangement[] {
  const panel = panelOf(arrangement, layout, id);
  if (!panel) return [];
  return layout.panels
    .filter((other) => !other.tabs.includes(id))
    .map((other) => ({ way: other.id, after: dropped(arrangement, id, { kind: "join", with: other.id }) }));
}

/** What size it can have: of its own in its column or strip, or with that. */
export function sizesOf(arrangement: Arrangement, layout: Layout, id: string): Rearrangement[] {
  const panel = panelOf(arrangement, layout, id);
  if (!panel) return [];
  const { side, first } = panel;
  const own = side === "bottom" ? ["wider", "narrower"] : ["taller", "lower"];
  const whole = side === "bottom" ? ["taller", "lower"] : ["wider", "narrower"];
  const dividers = layout.dividers.filter((divider) => divider.side === side);
  const next = dividers.find(({ after }) => after === first);
  const before = dividers.find(({ after }) => after === beside(layout, panel, -1)?.first);
  const edge = dividers.find(({ after }) => after === -1);
  const inner = next ?? before;
  const sized = (divider: typeof edge, ways: readonly string[], sign: number): Rearrangement[] =>
    divider
      ? ways.map((way, i) => ({
          way,
          after: resized(arrangement, layout, divider, (i === 0 ? STEP : -STEP) * sign),
        }))
      : [];
  return [...sized(inner, own, next ? 1 : -1), ...sized(edge, whole, side === "left" ? 1 : -1)];
}

/** The panel where its arrangement has it; a focused one, and those of a small window's stack, stand elsewhere. */
function panelOf(arrangement: Arrangement, { panels, dividers, compact }: Layout, id: string): Panel | null {
  const panel = panels.find((one) => one.id === id);
  if (!panel || panel.focused || (compact && dividers.length === 0)) return null;
  return arrangement[panel.side][panel.first]?.tabs.includes(id) ? panel : null;
}

/** The panel before (-1) or after (1) it, on its side. */
function beside({ panels }: Layout, { side, first }: Panel, by: 1 | -1): Panel | undefined {
  const of = panels.filter((panel) => panel.side === side);
  return of[of.findIndex((panel) => panel.first === first) + by];
}

/** Within its side: out of its tabs, or in exchange with its neighbour. */
function along(
  arrangement: Arrangement,
  layout: Layout,
  panel: Panel,
  way: string,
  by: 1 | -1,
): Rearrangement[] {
  const { id, side, first, tabs } = panel;
  if (tabs.length > 1)
    return [
      { way, after: dropped(arrangement, id, { kind: "insert", side, before: by < 0 ? first : first + 1 }) },
    ];
  const other = beside(layout, panel, by)?.first;
  if (other === undefined) return [];
  const cells = [...arrangement[side]];
  [cells[first], cells[other]] = [cells[other]!, cells[first]!];
  return [{ way, after: { ...arrangement, [side]: cells } }];
}

/** To another side: the strip lies between the columns. */
function across(arrangement: Arrangement, panel: Panel): Rearrangement[] {
  const { id, side, first, tabs } = panel;
  const insert = (way: string, to: Side, before: number): Rearrangement => ({
    way,
    after: dropped(arrangement, id, { kind: "insert", side: to, before }),
  });
  if (side === "left") return [insert("right", "bottom", 0)];
  if (side === "right") return [insert("left", "bottom", arrangement.bottom.length)];
  if (tabs.length > 1) return [];
  const at = arrangement.bottom.length - 1;
  return [
    ...(first === 0 ? [insert("left", "left", arrangement.left.length)] : []),
    ...(first === at ? [insert("right", "right", arrangement.right.length)] : []),
  ];
}
