import { describe, expect, it } from "vitest";
import { stateAfter } from "../../test/monitor_run";
import { Ring } from "../state/ring";
import type { TokenRow } from "../state/state";
import { Spring } from "./motion";
import { motion } from "./theme";
import { BarMotion } from "./token_motion";

function lengthAt(bars: BarMotion, ...[tokens, newest, rank, now]: Parameters<BarMotion["follow"]>): number {
  bars.follow(tokens, newest, rank, now);
  return bars.lengths[rank]!;
}

describe("bar motion", () => {
  const interval = 0.05;
  const state = stateAfter(12, interval);
  const newest = state.tokens.at(-1)!;

  it("comes to rest at the newest token's own probabilities", () => {
    const bars = new BarMotion();
    for (const rank of [0, 4, 19]) {
      const p = lengthAt(bars, state.tokens, 11, rank, newest.arrived + 2);
      expect(p).toBeCloseTo(newest.event.top_p.data[rank]!, 9);
    }
  });

  it("is what a spring would be that is followed for ever", () => {
    const bars = new BarMotion();
    for (const rank of [0, 4, 19]) {
      for (const age of [0.1, 0.4, 0.5, 1, 1.9, 2.1, 9]) {
        const spring = new Spring(motion.spring);
        for (let i = 0; i < 12; i++) {
          const { event, arrived } = state.tokens.at(i)!;
          const until = state.tokens.at(i + 1)?.arrived ?? newest.arrived + age;
          spring.advance(event.top_p.data[rank]!, until - arrived);
        }
        expect(lengthAt(bars, state.tokens, 11, rank, newest.arrived + age)).toBeCloseTo(spring.value, 12);
      }
    }
  });

  it("does not jump when a token arrives, though the last motion was unfinished", () => {
    const bars = new BarMotion();
    for (let step = 3; step < 12; step++) {
      const arrived = state.tokens.at(step)!.arrived;
      const before = lengthAt(bars, state.tokens, step - 1, 0, arrived);
      const after = lengthAt(bars, state.tokens, step, 0, arrived);
      expect(after).toBeCloseTo(before, 9);
    }
  });

  it("is the same however often it was asked", () => {
    const bars = new BarMotion();
    const now = newest.arrived + 0.03;
    const first = lengthAt(bars, state.tokens, 11, 2, now);
    lengthAt(bars, state.tokens, 7, 5, now);
    expect(lengthAt(bars, state.tokens, 11, 2, now)).toBe(first);
  });

  it("keeps nothing of tokens that are not there any more", () => {
    const bars = new BarMotion();
    const now = newest.arrived + 0.03;
    const whole = lengthAt(bars, state.tokens, 11, 2, now);
    const rest = new Ring<TokenRow>(16);
    for (let i = 9; i < 12; i++) rest.push(state.tokens.at(i)!);
    const young = lengthAt(bars, rest, 2, 2, now);
    expect(young).toBe(lengthAt(new BarMotion(), rest, 2, 2, now));
    expect(young).not.toBe(whole);
    expect(lengthAt(bars, state.tokens, 11, 2, now)).toBe(whole);
  });
});
