import type { Side } from "./arrangement";
import type { Contents, Divider, Panel } from "./layout";
import type { Rect } from "./rect";
import { size } from "./theme";

const TABS = 20;

/** On a grid of whole steps. */
export const snap = (value: number): number => Math.round(value / size.grid) * size.grid;

/** A cell with what of it can be shown, and where it stands in its arrangement. */
export interface Place {
  readonly tabs: readonly string[];
  /** The instrument on show; of a place that took in others, the one that was chosen last. */
  readonly active: string;
  readonly chosen: string;
  readonly weight: number;
  readonly side: Side;
  readonly first: number;
  readonly least: { readonly width: number; readonly height: number };
}

/** Height of a place's tabs. */
export function strip(place: { readonly tabs: readonly string[] }): number {
  return place.tabs.length > 1 ? TABS : 0;
}

/** What of a side's cells can be shown. */
export function placesOf(side: Side, contents: Contents): Place[] {
  const places: Place[] = [];
  contents.arrangement[side].forEach(({ tabs, active, weight }, first) => {
    const shown = tabs.filter((id) => contents.minimum(id) !== null);
    if (shown.length === 0) return;
    const on = shown.includes(active) ? active : shown[0]!;
    const least = contents.minimum(on)!;
    places.push({ tabs: shown, active: on, chosen: active, weight, side, first, least });
  });
  return places;
}

/** Where there is no room for all, the last ones become tabs of those before them. */
export function merged(places: readonly Place[], room: number, along: "width" | "height"): Place[] {
  const out = [...places];
  const need = (): number =>
    out.reduce((sum, place) => sum + place.least[along] + (along === "height" ? strip(place) : 0), 0) +
    size.gutter * (out.length - 1);
  while (out.length > 1 && need() > room) {
    const last = out.pop()!;
    const before = out.pop()!;
    const tabs = [...before.tabs, ...last.tabs];
    const on = tabs.includes(before.chosen) ? before.chosen : before.active;
    const { width, height } = before.least;
    const least = { width: Math.max(width, last.least.width), height: Math.max(height, last.least.height) };
    out.push({ ...before, tabs, active: on, weight: before.weight + last.weight, least });
  }
  return out;
}

/** Lengths of the places in `room`: by their weights, none below its least if that can be. */
function lengths(places: readonly Place[], room: number, along: "width" | "height"): number[] {
  const free = room - size.gutter * (places.length - 1);
  const least = places.map((place) => place.least[along] + (along === "height" ? strip(place) : 0));
  const out = places.map(() => 0);
  const pinned = places.map(() => false);
  for (let round = 0; round < places.length; round++) {
    const left = free - least.reduce((sum, value, i) => sum + (pinned[i] ? value : 0), 0);
    const weight = places.reduce((sum, place, i) => sum + (pinned[i] ? 0 : place.weight), 0);
    let changed = false;
    places.forEach((place, i) => {
      out[i] = pinned[i] ? least[i]! : (left * place.weight) / Math.max(weight, 1e-9);
      if (!pinned[i] && out[i]! < least[i]! && places.length > 1) {
        pinned[i] = true;
        changed = true;
      }
    });
    if (!changed) break;
  }
  for (let i = 0; i + 1 < out.length; i++) out[i] = snap(out[i]!);
  const before = out.slice(0, -1).reduce((sum, value) => sum + value, 0);
  if (out.length > 0) out[out.length - 1] = free - before;
  return out;
}

export function panelOf(place: Place, area: Rect): Panel {
  const { active: id, tabs, side, first } = place;
  const used = strip(place);
  const rect = { ...area, y: area.y + used, height: area.height - used };
  return { id, rect, tabs, strip: used > 0 ? { ...area, height: used } : null, side, first, focused: false };
}

export function fillColumn(places: readonly Place[], area: Rect, panels: Panel[], dividers: Divider[]): void {
  const heights = lengths(places, area.height, "height");
  let y = area.y;
  places.forEach((place, i) => {
    panels.push(panelOf(place, { ...area, y, height: heights[i]! }));
    y += heights[i]!;
    // In a small window other sides' places stand below a column's own: they share no weights, and a strip's
    // weights are widths.
    const { side } = place;
    if (places[i + 1]?.side === side && side !== "bottom") {
      const rect = { x: area.x, y, width: area.width, height: size.gutter };
      dividers.push({ rect, side, after: place.first, whole: area.height, vertical: false });
    }
    y += size.gutter;
  });
}

export function fillStrip(places: readonly Place[], area: Rect, panels: Panel[], dividers: Divider[]): void {
  const widths = lengths(places, area.width, "width");
  let x = area.x;
  places.forEach((place, i) => {
    panels.push(panelOf(place, { ...area, x, width: widths[i]! }));
    x += widths[i]!;
    if (i + 1 < places.length) {
      const rect = { x, y: area.y, width: size.gutter, height: area.height };
      dividers.push({ rect, side: "bottom", after: place.first, whole: area.width, vertical: true });
    }
    x += size.gutter;
  });
}
