import type { Ring } from "../state/ring";
import type { TokenRow } from "../state/state";
import { Spring } from "./motion";
import { motion } from "./theme";

/** Tokens back from which springs are followed: by then the oldest has settled at any speed worth showing. */
const REACH = 24;
/** Seconds after which a spring has come to its end to the last bit. */
const REST = 10 * motion.spring;

/** Ranks whose springs are kept. */
const KEPT = 32;

/**
 * Lengths of the candidates' bars at a moment. Each rank's bar is a critically damped spring that every token
 * pulls to a new length. They are followed from the tokens' own arrival times, so that any frame can be drawn
 * again from the state alone. Between two frames only that is kept which is the same in both: where the springs
 * stood when the last token came.
 */
export class BarMotion {
  private readonly spring = new Spring(motion.spring);
  private oldest: TokenRow | undefined;
  private last: TokenRow | undefined;
  private readonly known = new Uint8Array(KEPT);
  private readonly values = new Float64Array(KEPT);
  private readonly velocities = new Float64Array(KEPT);

  /** Length of the bar of `rank` (0 first) at `now`, with `newest` places from the ring's end as the last token. */
  at(tokens: Ring<TokenRow>, newest: number, rank: number, now: number): number {
    const row = tokens.at(newest);
    if (!row || now - row.arrived > REST) return chance(tokens, newest, rank);
    const first = Math.max(newest - REACH, 0);
    const { spring, known } = this;
    if (row !== this.last || tokens.at(first) !== this.oldest) {
      this.last = row;
      this.oldest = tokens.at(first);
      known.fill(0);
    }
    if (known[rank]) {
      spring.value = this.values[rank]!;
      spring.velocity = this.velocities[rank]!;
    } else {
      spring.rest(first > 0 ? chance(tokens, first, rank) : 0);
      for (let i = first; i < newest; i++) {
        spring.advance(chance(tokens, i, rank), tokens.at(i + 1)!.arrived - tokens.at(i)!.arrived);
      }
      known[rank] = 1;
      this.values[rank] = spring.value;
      this.velocities[rank] = spring.velocity;
    }
    spring.advance(chance(tokens, newest, rank), now - row.arrived);
    return spring.value;
  }
}

/** Probability of the candidate of `rank` at a token. */
function chance(tokens: Ring<TokenRow>, i: number, rank: number): number {
  return tokens.at(i)?.event.top_p.data[rank] ?? 0;
}
