import { expect, it } from "vitest";
import { recorded } from "../../test/monitor_run";
import type { TokenGenerated } from "../telemetry/protocol.gen";
import { RunPast } from "./run_past";

const token = recorded.find((event): event is TokenGenerated => event.kind === "token")!;

it("keeps what it was told of every step, however far the run goes", () => {
  const past = new RunPast();
  for (const step of [0, 1, 1023, 1024, 5000]) {
    past.put({ ...token, step, token_id: step + 7, rank: step + 1, entropy: step / 4 });
  }
  for (const step of [0, 1, 1023, 1024, 5000]) {
    expect([past.id(step), past.rank(step), past.entropy(step)]).toEqual([step + 7, step + 1, step / 4]);
  }
});

it("says of a step that the page missed that it is not known", () => {
  const past = new RunPast();
  past.put({ ...token, step: 3000 });
  for (const step of [0, 2999, 3001, 90_000]) {
    expect([past.id(step), past.rank(step), past.entropy(step)]).toEqual([null, 0, Number.NaN]);
  }
});
