import type { Ring } from "../state/ring";
import type { TokenRow } from "../state/state";
import { Spring } from "./motion";
import { motion } from "./theme";

/** Tokens back from which springs are followed: by then the oldest has settled at any speed worth showing. */
const REACH = 24;
/** Seconds after which a spring has come to its end to the last bit. */
const REST = 10 * motion.spring;

/**
 * Lengths of the candidates' bars at a moment. Each rank's bar is a critically damped spring that every token
 * pulls to a new length. They are followed from the tokens' own arrival times, so that any frame can be drawn
 * again from the state alone; nothing is remembered between frames.
 */
export class BarMotion {
  private readonly spring = new Spring(motion.spring);

  /** Length of the bar of `rank` (0 first) at `now`, with `newest` places from the ring's end as the last token. */
  at(tokens: Ring<TokenRow>, newest: number, rank: number, now: number): number {
    const arrived = tokens.at(newest)?.arrived ?? Number.NEGATIVE_INFINITY;
    if (now - arrived > REST) return chance(tokens, newest, rank);
    const first = Math.max(newest - REACH, 0);
    const { spring } = this;
    spring.rest(first > 0 ? chance(tokens, first, rank) : 0);
    for (let i = first; i <= newest; i++) {
      const until = i < newest ? tokens.at(i + 1)!.arrived : now;
      spring.advance(chance(tokens, i, rank), until - tokens.at(i)!.arrived);
    }
    return spring.value;
  }
}

/** Probability of the candidate of `rank` at a token. */
function chance(tokens: Ring<TokenRow>, i: number, rank: number): number {
  return tokens.at(i)?.event.top_p.data[rank] ?? 0;
}
