import { expect, it } from "vitest";
import { bytes, count, duration, niceCeiling, percent, probability, rate } from "./format";

it("writes probabilities without their leading zero, and admits what it can't tell", () => {
  expect([0.35512, 0.01, 0.0004, 0, 1, 0.9999].map(probability)).toEqual([
    ".355",
    ".010",
    "<.001",
    "0",
    "1",
    ">.999",
  ]);
});

it("groups counts", () => {
  expect([7, 1024, 49152, 1234567].map(count)).toEqual(["7", "1 024", "49 152", "1 234 567"]);
});

it("writes bytes in binary units to about three digits", () => {
  expect([0, 999, 1024, 23592960, 240e6, 5e9].map(bytes)).toEqual([
    "0 B",
    "999 B",
    "1.0 KiB",
    "22.5 MiB",
    "229 MiB",
    "4.7 GiB",
  ]);
});

it("writes times and rates as a person reads them", () => {
  expect([0.0289, 0.42, 1.2, 12].map(duration)).toEqual(["28.9 ms", "420 ms", "1.20 s", "12.0 s"]);
  expect([0, 44.23, 123.4].map(rate)).toEqual(["–", "44.2", "123"]);
  expect([0, 0.093, 0.5].map(percent)).toEqual(["0 %", "9.3 %", "50 %"]);
});

it("ends scales at calm numbers that are never below the value", () => {
  expect([0.031, 0.04, 0.9, 1.2, 71].map(niceCeiling)).toEqual([0.04, 0.04, 1, 1.5, 80]);
  for (let v = 0.001; v < 1000; v *= 1.1) expect(niceCeiling(v)).toBeGreaterThanOrEqual(v);
});
