import type { Ring } from "../../state/ring";
import type { TokenRow } from "../../state/state";
import { clamp01, easeOutCubic, progress } from "../motion";
import { motion } from "../theme";

/** Tokens looked back on for the slide: more never arrive within its time. */
const REACH = 64;

/**
 * Columns by which the newest tokens are still to slide in at `now`. Tokens that came in one frame slide
 * together, and in no more time than passed before them, so that a fast run is not seen late.
 */
export function slide(tokens: Ring<TokenRow>, now: number): number {
  let shift = 0;
  let end = tokens.length;
  while (end > 0 && tokens.length - end < REACH) {
    const { arrived } = tokens.at(end - 1)!;
    if (now - arrived >= motion.slideIn) break;
    let first = end - 1;
    while (first > 0 && tokens.at(first - 1)!.arrived === arrived) first--;
    const gap = first > 0 ? arrived - tokens.at(first - 1)!.arrived : motion.slideIn;
    const left = 1 - easeOutCubic(progress(now, arrived, Math.min(motion.slideIn, gap)));
    shift += (end - first) * left;
    end = first;
  }
  return shift;
}

/** Less than a tenth of a pixel off, and short enough for an address. */
const rounded = (step: number): number => Math.round(step * 1000) / 1000;

/**
 * Which steps the waterfall shows: its right edge as a step (the end of that column), or the newest. Scrolling and
 * pins move it; motion is a function of the clock that is passed in.
 */
export class TimeWindow {
  /** Where the right edge rests; null follows the newest token. */
  private rest: number | null = null;
  private from = 0;
  private movedAt = Number.NEGATIVE_INFINITY;
  private shownEnd = 0;

  get follows(): boolean {
    return this.rest === null;
  }

  /** Where it comes to rest; null follows the newest token. */
  get resting(): number | null {
    return this.rest;
  }

  /** The right edge as last shown. */
  get end(): number {
    return this.shownEnd;
  }

  /** Rests at `end` at once; follows the newest without a word. */
  reset(end: number | null = null): void {
    this.rest = end;
    this.movedAt = Number.NEGATIVE_INFINITY;
  }

  /** The right edge at `now`, in steps, for a run of `count` tokens of which `shift` still slide in. */
  at(count: number, shift: number, now: number, reduced: boolean): number {
    const to = this.rest === null ? count - shift : Math.min(this.rest, count);
    const t = reduced ? 1 : easeOutCubic(clamp01((now - this.movedAt) / motion.slideIn));
    this.shownEnd = t < 1 ? this.from + (to - this.from) * t : to;
    return this.shownEnd;
  }

  /** Moves by `columns` at once, as a wheel or a drag does; past the newest it follows again. */
  scroll(columns: number, count: number, visible: number): void {
    const next = this.shownEnd + columns;
    this.movedAt = Number.NEGATIVE_INFINITY;
    this.rest = next >= count ? null : rounded(Math.max(next, Math.min(visible, count)));
  }

  /** Goes to where `end` is the right edge; null goes back to the newest. */
  goTo(end: number | null, now: number): void {
    this.from = this.shownEnd;
    this.movedAt = now;
    this.rest = end;
  }

  /** Holds still, with the column of `step` in view. */
  reveal(step: number, count: number, visible: number, now: number): void {
    const end = this.rest ?? Math.min(this.shownEnd, count);
    const lowest = step + 1;
    const highest = Math.max(step + Math.floor(visible), lowest);
    if (end >= lowest && end <= highest) this.rest = rounded(end);
    else this.goTo(Math.min(Math.max(step + Math.ceil(visible / 2), Math.min(visible, count)), count), now);
  }
}
