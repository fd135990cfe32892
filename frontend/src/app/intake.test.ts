import { beforeEach, expect, it, vi } from "vitest";
import { createState } from "../state/initial";
import type { Message } from "../telemetry/protocol.gen";
import type { FrameSource } from "../telemetry/source";
import { Intake } from "./intake";
import { Metrics } from "./metrics";

let metrics: Metrics;
let intake: Intake;
let send: (message: Message) => void;

const frame = (time: number) =>
  ({ kind: "frame", time, events: [{ kind: "heartbeat" }], state: [] }) as unknown as Message;

beforeEach(() => {
  metrics = new Metrics();
  const source = { start: (sink: typeof send) => (send = sink) } as unknown as FrameSource;
  vi.stubGlobal("document", { hidden: false });
  intake = new Intake(createState(), source, { now: () => 0 }, metrics, () => {});
  intake.start(() => {});
});

it("tells at once that a message has come", () => {
  const waiting: boolean[] = [];
  intake.arrived = () => waiting.push(intake.waiting);
  send(frame(1));
  send(frame(2));
  expect(waiting).toEqual([true, true]);
});

it("times each frame once, to the GPU, however often it is handed over before it is drawn", () => {
  send(frame(1));
  intake.submitted();
  intake.submitted();
  expect(metrics.inPage.toArray()).toHaveLength(1);
  send(frame(2));
  intake.drawn();
  intake.drawn();
  expect(metrics.inPage.toArray()).toHaveLength(2);
});

it("takes a drawn frame for one that is with the GPU", () => {
  send(frame(1));
  intake.drawn();
  expect(metrics.inPage.toArray()).toHaveLength(1);
});
