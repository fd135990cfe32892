import { expect, it } from "vitest";
import type { Frame, RunState } from "./protocol.gen";
import { SequenceTracker } from "./sequence";

const frame = (first: number, count: number): Frame => ({
  kind: "frame",
  number: 1,
  time: 0,
  first_seq: first,
  events: Array.from(
    { length: count },
    (_, i): RunState => ({
      kind: "run_state",
      run_id: String(first + i),
      phase: "running",
      reason: "",
      message: "",
    }),
  ),
  state: [],
});
const ids = (f: Frame | null) => f?.events.map((event) => Number((event as RunState).run_id));

it("passes a frame on untouched while there is no gap", () => {
  const tracker = new SequenceTracker();
  tracker.begin("s");
  const first = frame(1, 3);
  expect(tracker.accept(first)).toBe(first);
  expect(ids(tracker.accept(frame(4, 1)))).toEqual([4]);
  expect(tracker.last).toBe(4);
});

it("drops what was passed on before", () => {
  const tracker = new SequenceTracker();
  tracker.begin("s");
  tracker.accept(frame(1, 5));
  expect(ids(tracker.accept(frame(3, 5)))).toEqual([6, 7]);
  expect(ids(tracker.accept(frame(1, 5)))).toEqual([]);
  expect(tracker.last).toBe(7);
});

it("refuses a frame after a gap, and stays where it was", () => {
  const tracker = new SequenceTracker();
  tracker.begin("s");
  tracker.accept(frame(1, 2));
  expect(tracker.accept(frame(4, 1))).toBeNull();
  expect(tracker.last).toBe(2);
  expect(ids(tracker.accept(frame(3, 2)))).toEqual([3, 4]);
});

it("lets a session begin anywhere, and a frame without events be", () => {
  const tracker = new SequenceTracker();
  tracker.begin("s");
  const empty = frame(90, 0);
  expect(tracker.accept(empty)).toBe(empty);
  expect(ids(tracker.accept(frame(77, 1)))).toEqual([77]);
});
