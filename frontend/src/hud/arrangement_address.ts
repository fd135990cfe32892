import type { Preset } from "../state/state";
import { ARRANGEMENTS, type Arrangement, type Cell, parseArrangement, SIDES, type Side } from "./arrangement";

/** More is no arrangement of ours. */
const LONGEST = 400;
const SHARES = { left: "leftShare", right: "rightShare", bottom: "bottomShare" } as const;

/**
 * A side in words that an address leaves as they are: its share of the page, then a place each:
 * `0.217*attention.entropy-548-1*flow.rope-444` has the second tab of the first place on show.
 */
function sideText(arrangement: Arrangement, side: Side): string {
  const cells = arrangement[side].map(({ tabs, active, weight }) => {
    const at = tabs.indexOf(active);
    return `${tabs.join(".")}-${rounded(weight)}${at > 0 ? `-${at}` : ""}`;
  });
  return [rounded(arrangement[SHARES[side]]), ...cells].join("*");
}

/** Finer than the grid that places are laid on. */
const rounded = (value: number): number => Number(value.toFixed(4));

function sideOf(text: string): { share: number; cells: Partial<Cell>[] } {
  const [share, ...places] = text.slice(0, LONGEST).split("*");
  const cells = places.map((place) => {
    const [names = "", weight, active = 0] = place.split("-");
    const tabs = names.split(".");
    return { tabs, weight: Number(weight), active: tabs[Number(active)]! };
  });
  return { share: Number(share), cells };
}

/** Puts into an address where the sides are not as delivered. */
export function writeSides(parameters: URLSearchParams, arrangement: Arrangement, preset: Preset): void {
  const delivered = ARRANGEMENTS[preset];
  for (const side of SIDES) {
    const text = sideText(arrangement, side);
    if (text === sideText(delivered, side)) parameters.delete(side);
    else parameters.set(side, text);
  }
}

/** The arrangement that an address names; null where it names none. Nothing in it is trusted. */
export function readSides(parameters: URLSearchParams, preset: Preset): Arrangement | null {
  if (!SIDES.some((side) => parameters.has(side))) return null;
  const arranged: Record<string, unknown> = { ...ARRANGEMENTS[preset] };
  for (const side of SIDES) {
    const text = parameters.get(side);
    if (text === null) continue;
    const { share, cells } = sideOf(text);
    arranged[side] = cells;
    arranged[SHARES[side]] = share;
  }
  return parseArrangement(arranged);
}
