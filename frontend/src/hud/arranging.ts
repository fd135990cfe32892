import { type Arrangement, activated, type Drop, dropped, type Side, weighted, widened } from "./arrangement";
import type { Hit } from "./hits";
import type { HudPointerEvent } from "./instrument";
import { HEADING } from "./kit/heading";
import { contains, type Divider, type Layout, type Panel, type Rect } from "./layout";
import { size } from "./theme";

/** What the hand that rearranges the cockpit acts on. */
export interface ArrangingHost {
  arrangement(): Arrangement;
  /** `last`: the hand has let go. */
  arrange(arrangement: Arrangement, last: boolean): void;
  focus(id: string | null): void;
}

/** Logical pixels before a press on a heading is a drag. */
const SLACK = 6;
/** Share of a panel at whose edge a dragged one comes in between; in its middle the two change places. */
const EDGE = 0.22;

/** Dragging panels and the lines between them, choosing tabs, focusing by a double click. */
export class Arranging {
  /** The panel that is dragged, once it has left its place. */
  dragged: string | null = null;
  drop: Drop | null = null;
  x = 0;
  y = 0;
  private grabbed: string | null = null;
  private divider: Divider | null = null;
  private base: Arrangement | null = null;
  private baseLayout: Layout | null = null;
  private startX = 0;
  private startY = 0;

  constructor(private readonly host: ArrangingHost) {}

  /** Something is being moved: panels follow without ado. */
  get busy(): boolean {
    return this.divider !== null;
  }

  /** True when the press is the cockpit's own; then it gets the drag too. */
  pointer(hit: Readonly<Hit>, event: HudPointerEvent, layout: Layout): boolean {
    switch (event.type) {
      case "press":
        return this.press(hit, event, layout);
      case "drag":
        return this.move(event, layout);
      case "release":
        return this.release(layout);
      case "double":
        if (hit.kind !== "title") return false;
        this.host.focus(layout.panels.some((panel) => panel.focused) ? null : hit.owner);
        return true;
      default:
        return false;
    }
  }

  /** The hand is gone, or Escape was pressed: all as it was. */
  cancel(): void {
    if (this.base && this.divider) this.host.arrange(this.base, true);
    this.clear();
  }

  private press(hit: Readonly<Hit>, { x, y }: HudPointerEvent, layout: Layout): boolean {
    this.startX = x;
    this.startY = y;
    this.base = this.host.arrangement();
    this.baseLayout = layout;
    if (hit.kind === "focus") {
      this.host.focus(layout.panels.some((panel) => panel.focused) ? null : hit.owner);
      return true;
    }
    if (hit.kind === "divider") {
      this.divider = layout.dividers[hit.value] ?? null;
      return this.divider !== null;
    }
    if (hit.kind === "tab") return this.pressTab(hit, layout);
    if (hit.kind !== "title") return false;
    this.grabbed = layout.panels.some((panel) => panel.focused) ? null : hit.owner;
    return true;
  }

  private pressTab(hit: Readonly<Hit>, layout: Layout): boolean {
    const panel = layout.panels.find(({ id }) => id === hit.owner);
    const id = panel?.tabs[hit.value];
    if (!panel || id === undefined) return false;
    this.grabbed = id;
    if (id !== panel.id)
      this.host.arrange(activated(this.host.arrangement(), panel.side, panel.first, id), true);
    this.base = this.host.arrangement();
    return true;
  }

  private move({ x, y }: HudPointerEvent, layout: Layout): boolean {
    const { base, baseLayout, divider } = this;
    if (divider && base && baseLayout) {
      const along = divider.vertical ? x - this.startX : y - this.startY;
      this.host.arrange(resized(base, baseLayout, divider, along), false);
    } else if (this.grabbed) {
      this.x = x;
      this.y = y;
      if (Math.hypot(x - this.startX, y - this.startY) > SLACK) this.dragged = this.grabbed;
      this.drop = this.dragged ? dropAt(layout, this.dragged, x, y) : null;
    }
    return true;
  }

  private release(_layout: Layout): boolean {
    const { divider, dragged, drop } = this;
    if (divider) this.host.arrange(this.host.arrangement(), true);
    if (dragged && drop) this.host.arrange(dropped(this.host.arrangement(), dragged, drop), true);
    this.clear();
    return true;
  }

  private clear(): void {
    this.dragged = null;
    this.drop = null;
    this.grabbed = null;
    this.divider = null;
    this.base = null;
    this.baseLayout = null;
  }
}

/** Where a panel dragged to a place would go; null where it may not. */
export function dropAt(layout: Layout, id: string, x: number, y: number): Drop | null {
  for (const panel of layout.panels) {
    if (panel.strip && contains(panel.strip, x, y)) return joinOrNothing(panel, id);
    if (!contains(panel.rect, x, y)) continue;
    if (y < panel.rect.y + HEADING) return joinOrNothing(panel, id);
    return onPanel(panel, id, x, y);
  }
  const { nebula } = layout;
  if (!nebula || !contains(nebula, x, y)) return null;
  const across = (x - nebula.x) / nebula.width;
  const down = (y - nebula.y) / nebula.height;
  const side: Side | null = down > 0.7 ? "bottom" : across < 0.3 ? "left" : across > 0.7 ? "right" : null;
  return side && { kind: "insert", side, before: 99 };
}

function joinOrNothing(panel: Panel, id: string): Drop | null {
  return panel.tabs.includes(id) ? null : { kind: "join", with: panel.id };
}

function onPanel(panel: Panel, id: string, x: number, y: number): Drop | null {
  const { rect, side, first } = panel;
  const at = side === "bottom" ? (x - rect.x) / rect.width : (y - rect.y) / rect.height;
  const alone = panel.id === id && panel.tabs.length === 1;
  if (alone) return null;
  if (at < EDGE) return { kind: "insert", side, before: first };
  if (at > 1 - EDGE) return { kind: "insert", side, before: first + 1 };
  return panel.id === id ? null : { kind: "swap", with: panel.id };
}

/** What a drop would take, to show it before the hand lets go. */
export function dropRect(layout: Layout, drop: Drop): Rect | null {
  if (drop.kind === "insert") return insertRect(layout, drop.side, drop.before);
  const panel = layout.panels.find(({ id }) => id === drop.with);
  if (!panel) return null;
  return drop.kind === "join" ? (panel.strip ?? { ...panel.rect, height: HEADING }) : panel.rect;
}

function insertRect(layout: Layout, side: Side, before: number): Rect | null {
  const panels = layout.panels.filter((panel) => panel.side === side);
  const next = panels.find(({ first }) => first >= before);
  const rect = (next ?? panels.at(-1))?.rect;
  if (!rect) return emptySide(layout.nebula, side);
  const thin = size.gutter;
  if (side === "bottom") {
    return { x: next ? rect.x - thin : rect.x + rect.width, y: rect.y, width: thin, height: rect.height };
  }
  return { x: rect.x, y: next ? rect.y - thin : rect.y + rect.height, width: rect.width, height: thin };
}

function emptySide(nebula: Rect | null, side: Side): Rect | null {
  if (!nebula) return null;
  const { x, y, width, height } = nebula;
  if (side === "bottom") return { x, y: y + height * 0.7, width, height: height * 0.3 };
  return { x: side === "left" ? x : x + width * 0.7, y, width: width * 0.3, height };
}

/** The arrangement with a divider `along` pixels farther right or down than in `layout`. */
export function resized(
  arrangement: Arrangement,
  layout: Layout,
  divider: Divider,
  along: number,
): Arrangement {
  const { side, after } = divider;
  const panels = layout.panels.filter((panel) => panel.side === side);
  const length = (panel: Panel): number =>
    side === "bottom" ? panel.rect.width : panel.rect.height + (panel.strip?.height ?? 0);
  if (after < 0) {
    const first = panels[0];
    if (!first) return arrangement;
    const now = side === "bottom" ? first.rect.height + (first.strip?.height ?? 0) : first.rect.width;
    const sign = side === "left" ? 1 : -1;
    return widened(arrangement, side, (now + sign * along) / divider.whole);
  }
  const at = panels.findIndex(({ first }) => first === after);
  const [before, next] = [panels[at], panels[at + 1]];
  if (!before || !next) return arrangement;
  const weights = new Map(panels.map((panel) => [panel.first, length(panel)]));
  const both = length(before) + length(next);
  const moved = Math.min(both - 40, Math.max(40, length(before) + along));
  weights.set(before.first, moved).set(next.first, both - moved);
  return weighted(arrangement, side, weights);
}
