import { describe, expect, it } from "vitest";
import { stateAfter } from "../../test/monitor_run";
import { BarMotion } from "./token_motion";

describe("bar motion", () => {
  const interval = 0.05;
  const state = stateAfter(12, interval);
  const newest = state.tokens.at(-1)!;

  it("comes to rest at the newest token's own probabilities", () => {
    const bars = new BarMotion();
    for (const rank of [0, 4, 19]) {
      const p = bars.at(state.tokens, 11, rank, newest.arrived + 2);
      expect(p).toBeCloseTo(newest.event.top_p.data[rank]!, 9);
    }
  });

  it("does not jump when a token arrives, though the last motion was unfinished", () => {
    const bars = new BarMotion();
    for (let step = 3; step < 12; step++) {
      const arrived = state.tokens.at(step)!.arrived;
      const before = bars.at(state.tokens, step - 1, 0, arrived);
      const after = bars.at(state.tokens, step, 0, arrived);
      expect(after).toBeCloseTo(before, 9);
    }
  });

  it("is the same however often it was asked", () => {
    const bars = new BarMotion();
    const now = newest.arrived + 0.03;
    const first = bars.at(state.tokens, 11, 2, now);
    bars.at(state.tokens, 7, 5, now);
    expect(bars.at(state.tokens, 11, 2, now)).toBe(first);
  });
});
