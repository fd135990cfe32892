import { describe, expect, it } from "vitest";
import type { Frame, Progress, RunState, TelemetryEvent } from "./protocol.gen";
import { MAX_MESSAGES, MAX_STATE_FRAMES, MessageQueue } from "./queue";

const event = (message: string): RunState => ({
  kind: "run_state",
  run_id: "r",
  phase: "running",
  reason: "",
  message,
});
const progress = (task: Progress["task"], fraction: number): Progress => ({
  kind: "progress",
  task,
  fraction,
  message: "",
  done: false,
});
const frame = (number: number, events: TelemetryEvent[], state: TelemetryEvent[]): Frame => ({
  kind: "frame",
  number,
  time: number / 30,
  first_seq: number,
  events,
  state,
});

function framesOf(queue: MessageQueue): Frame[] {
  return queue.drain().filter((message) => message.kind === "frame");
}

describe("MessageQueue", () => {
  it("hands over a few messages untouched and in order", () => {
    const queue = new MessageQueue();
    const frames = [0, 1, 2].map((n) => frame(n, [event(`${n}`)], [progress("load", n)]));
    for (const f of frames) queue.push(f);
    expect(framesOf(queue)).toEqual(frames);
    expect(queue.drain()).toEqual([]);
    expect(queue.dropped).toBe(0);
  });

  it("keeps every event and only the newest state when the page sleeps", () => {
    const queue = new MessageQueue();
    const count = 500;
    for (let n = 0; n < count; n++) {
      const state = n === 3 ? [progress("load", n), progress("prefill", n)] : [progress("load", n)];
      queue.push(frame(n, [event(`${n}`)], state));
    }
    const frames = framesOf(queue);
    expect(frames.flatMap((f) => f.events).map((e) => (e as RunState).message)).toEqual(
      Array.from({ length: count }, (_, n) => `${n}`),
    );
    const held = frames.flatMap((f) => f.state) as Progress[];
    expect(held.length).toBeLessThanOrEqual(MAX_STATE_FRAMES + 1);
    // The one thing said only once is still there, and the newest of the other is the last.
    expect(held.filter((p) => p.task === "prefill")).toHaveLength(1);
    expect(held.at(-1)).toMatchObject({ task: "load", fraction: count - 1 });
    expect(queue.dropped).toBe(count + 1 - held.length);
  });

  it("says when it must be drained", () => {
    const queue = new MessageQueue();
    for (let n = 0; n < MAX_MESSAGES; n++) {
      expect(queue.full).toBe(false);
      queue.push(frame(n, [event("")], []));
    }
    expect(queue.full).toBe(true);
    queue.drain();
    expect(queue.full).toBe(false);
  });
});
