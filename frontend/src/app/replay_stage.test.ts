import { expect, it } from "vitest";
import { memoryRun } from "../../test/memory_run";
import { createState } from "../state/initial";
import { ReplayStage } from "./replay_stage";

it("a replay that goes on forgets the readings that one who begins there would not have", () => {
  const state = createState();
  const stage = new ReplayStage(state, () => null);
  const reading = memoryRun("smollm2").events.find((event) => event.kind === "memory")!;
  for (let i = 0; i < 10; i++) {
    const read = { ...reading, process_resident: i };
    stage.frame({ kind: "frame", number: i, time: 0, first_seq: 0, events: [], state: [read] }, i);
  }
  stage.forget(4);
  expect([state.memoryReadings.length, state.memoryReadings.least]).toEqual([6, 4]);
});
