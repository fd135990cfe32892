import { expect, it } from "vitest";
import { recorded, stateAfter } from "../../../test/monitor_run";
import { apply } from "../../state/reduce";
import type { TokenGenerated } from "../../telemetry/protocol.gen";
import { BINS, EntropyOverview } from "./entropy_overview";

const token = recorded.find((event): event is TokenGenerated => event.kind === "token")!;

it("keeps the greatest entropy of each stretch, in a fixed number of bins", () => {
  const state = stateAfter(0);
  const overview = new EntropyOverview();
  const entropies: number[] = [];
  for (let step = 0; step < 3 * BINS; step++) {
    const entropy = Math.fround(Math.abs(Math.sin(step * 12.9898) * 7));
    entropies.push(entropy);
    const events = [{ ...token, step, entropy }];
    apply(state, { kind: "frame", number: step, time: 0, first_seq: step, events, state: [] }, step);
    if (step % 7 === 0) overview.follow(state);
  }
  overview.follow(state);
  expect([overview.count, overview.perBin]).toEqual([3 * BINS, 4]);
  for (let bin = 0; bin < (3 * BINS) / 4; bin++) {
    expect(overview.values[bin]).toBe(Math.max(...entropies.slice(4 * bin, 4 * bin + 4)));
  }
});

it("begins anew with a run", () => {
  const overview = new EntropyOverview();
  expect(overview.follow(stateAfter(10))).toBe(true);
  const next = stateAfter(4);
  expect(overview.follow(next)).toBe(true);
  expect(overview.count).toBe(4);
  expect(overview.values[4]).toBe(0);
  expect(overview.follow(next)).toBe(false);
});
