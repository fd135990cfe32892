import { describe, expect, it } from "vitest";
import type { MemoryUsage } from "../telemetry/protocol.gen";
import { MemoryReadings } from "./memory_readings";

const reading = (process_resident: number, weights = 7): MemoryUsage =>
  ({ kind: "memory", process_resident, weights }) as MemoryUsage;

describe("readings of the memory", () => {
  it("are the newest, with their range", () => {
    const held = new MemoryReadings();
    for (let i = 0; i < 600; i++) held.add(reading(1000 + i), i);
    expect([held.length, held.size(0), held.size(511), held.time(0)]).toEqual([512, 1088, 1599, 88]);
    expect([held.least, held.most]).toEqual([1088, 1599]);
    held.forget(590);
    expect([held.length, held.least, held.most]).toEqual([10, 1590, 1599]);
  });

  it("hold until the next, but not for a time in which none were taken", () => {
    const held = new MemoryReadings();
    held.add(reading(1), 10);
    held.add(reading(2), 10.5);
    held.add(reading(3), 20);
    const at = (time: number) => held.at(time)?.process_resident ?? null;
    expect([at(9.9), at(10), at(10.4), at(10.5), at(13.4), at(13.6), at(19.9), at(20)]).toEqual([
      null,
      1,
      1,
      2,
      2,
      null,
      null,
      3,
    ]);
  });

  it("begin anew with another model's process", () => {
    const held = new MemoryReadings();
    held.add(reading(100, 7), 1);
    held.add(reading(5, 8), 2);
    expect([held.length, held.least, held.at(1)]).toEqual([1, 5, null]);
  });
});
