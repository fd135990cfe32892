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
  /** Of each bar, as it was last asked for. */
  readonly lengths = new Float64Array(KEPT);
  private readonly velocities = new Float64Array(KEPT);

  /** Finds the length of the bar of `rank` (0 first) at `now`, with the ring's token `newest` as the last one. */
  follow(tokens: Ring<TokenRow>, newest: number, rank: number, now: number): void {
    const row = tokens.at(newest);
    if (!row || now - row.arrived > REST) {
      this.lengths[rank] = chances(tokens, newest)[rank] ?? 0;
      return;
    }
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
      spring.rest(first > 0 ? (chances(tokens, first)[rank] ?? 0) : 0);
      for (let i = first; i < newest; i++) {
        spring.advance(chances(tokens, i)[rank] ?? 0, tokens.at(i + 1)!.arrived - tokens.at(i)!.arrived);
      }
      known[rank] = 1;
      this.values[rank] = spring.value;
      this.velocities[rank] = spring.velocity;
    }
    spring.advance(chances(tokens, newest)[rank] ?? 0, now - row.arrived);
    this.lengths[rank] = spring.value;
  }
}

const NONE = new Float32Array(0);

/** Probabilities of the candidates at a token, the first first. */
function chances(tokens: Ring<TokenRow>, i: number): Float32Array {
  return tokens.at(i)?.event.top_p.data ?? NONE;
}
