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

  it("are those that one who begins at a time is told, when what was before it is forgotten", () => {
    const played = new MemoryReadings();
    for (const [size, time] of [
      [1, 10],
      [2, 11],
      [3, 12.5],
    ] as const)
      played.add(reading(size), time);
    played.forget(12);
    const begun = new MemoryReadings();
    begun.add(reading(2), 12);
    begun.add(reading(3), 12.5);
    const all = (held: MemoryReadings) =>
      Array.from({ length: held.length }, (_, i) => [held.size(i), held.time(i)]);
    expect(all(played)).toEqual(all(begun));
    // News at that very time: who begins there hears only of it.
    played.forget(13);
    played.add(reading(4), 13);
    expect(all(played)).toEqual([[4, 13]]);
  });

  it("begin anew with another model's process", () => {
    const held = new MemoryReadings();
    held.add(reading(100, 7), 1);
    held.add(reading(5, 8), 2);
    expect([held.length, held.least, held.at(1)]).toEqual([1, 5, null]);
  });
});
