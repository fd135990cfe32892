import { threshold } from "../theme";
import type { Brief } from "./transport";

/** Why a moment is worth a look. */
export type MarkKind = "improbable" | "uncertain" | "loop";

export interface Mark {
  readonly kind: MarkKind;
  readonly step: number;
  /** Its probability, its nats, or after how many tokens the text repeats. */
  readonly value: number;
  /** Tokens it lasts. */
  readonly length: number;
}

/** A token chosen at a probability below this is a surprise. */
export const IMPROBABLE = 0.02;
/** An uncertain moment has the greatest entropy among so many tokens on either side. */
const AROUND = 3;
/** Longest period of a loop that is looked for, and the least tokens that must repeat. */
const LONGEST_PERIOD = 64;
const LEAST_REPEATED = 8;

/**
 * The surprising moments of a run, by step: tokens chosen at p < 2 %; peaks of the entropy above 3 nats; and text that
 * says a whole period of up to 64 tokens, and no fewer than 8, again word for word.
 */
export function findMarks(tokens: Brief): Mark[] {
  const marks = loops(tokens);
  for (let step = 0; step < tokens.count; step++) {
    const p = tokens.probability(step);
    const nats = tokens.entropy(step);
    if (p < IMPROBABLE) marks.push({ kind: "improbable", step, value: p, length: 1 });
    if (nats >= threshold.uncertain && isPeak(tokens, step, nats)) {
      marks.push({ kind: "uncertain", step, value: nats, length: 1 });
    }
  }
  return marks.sort((a, b) => a.step - b.step);
}

function isPeak(tokens: Brief, step: number, nats: number): boolean {
  for (let by = 1; by <= AROUND; by++) {
    if (tokens.entropy(step - by) >= nats || tokens.entropy(step + by) > nats) return false;
  }
  return true;
}

function loops(tokens: Brief): Mark[] {
  const marks: Mark[] = [];
  const same = new Uint32Array(LONGEST_PERIOD + 1);
  let open: { first: number; period: number; stop: number } | null = null;
  const close = () => {
    if (!open) return;
    const { first, period, stop } = open;
    marks.push({ kind: "loop", step: first, value: period, length: stop - first });
    open = null;
  };
  // Each is compared with 64 others, and a run that goes on is looked through at every token.
  const ids = Int32Array.from({ length: tokens.count }, (_, step) => tokens.id(step) ?? -1);
  for (let step = 0; step < tokens.count; step++) {
    const id = ids[step]!;
    let found = 0;
    for (let period = LONGEST_PERIOD; period >= 1; period--) {
      same[period] = id >= 0 && ids[step - period] === id ? same[period]! + 1 : 0;
      if (same[period]! >= Math.max(period, LEAST_REPEATED)) found = period;
    }
    if (found === 0) close();
    else if (open) open.stop = step + 1;
    else open = { first: step + 1 - same[found]!, period: found, stop: step + 1 };
  }
  close();
  return marks;
}

/** The next mark after a step, or the last before it; null where there is none. */
export function markFrom(marks: readonly Mark[], step: number, direction: 1 | -1): Mark | null {
  const found =
    direction > 0 ? marks.find((one) => one.step > step) : marks.findLast((one) => one.step < step);
  return found ?? null;
}

/** As in a callout. */
export function markText({ kind, value, length }: Mark): string {
  if (kind === "improbable") return `improbable: chosen at ${(value * 100).toPrecision(2)} %, below 2 %`;
  if (kind === "uncertain") return `uncertain: ${value.toFixed(2)} nats, a peak above ${threshold.uncertain}`;
  return `loop: ${length} tokens repeat the ${value === 1 ? "one" : value} before them`;
}
