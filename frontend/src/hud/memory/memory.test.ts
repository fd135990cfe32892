import { describe, expect, it, vi } from "vitest";
import { Drawn } from "../../../test/drawn";
import { stateOf } from "../../../test/instrument_run";
import { memoryRun } from "../../../test/memory_run";
import { stateAfter } from "../../../test/monitor_run";
import { apply, momentSettled, stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { Frame, MemoryUsage } from "../../telemetry/protocol.gen";
import { bytes } from "../format";
import { monitorModel } from "../monitor_model";
import { memory } from "./memory";

/** A reading comes from the stream. */
function read(state: AppState, reading: MemoryUsage): void {
  apply(state, { kind: "frame", number: 0, time: 0, first_seq: 0, events: [], state: [reading] }, 50);
}

describe("the memory instrument on a recorded run", () => {
  it.each([
    [300, 230],
    [416, 500],
    [1200, 640],
  ])("has room for all it draws at %d x %d", (width, height) => {
    const drawn = new Drawn(memory, stateAfter(24), { x: 0, y: 0, width, height });
    expect(drawn.scene.overflow).toBe(0);
    expect(drawn.scene.shapeCount).toBeGreaterThan(20);
  });

  it.each([352, 416])("says what each part is without cutting a word, in a panel %d px wide", (width) => {
    const drawn = new Drawn(memory, stateAfter(24), { x: 0, y: 0, width, height: 500 });
    const written = vi.spyOn(drawn.scene, "text");
    drawn.draw();
    const words = written.mock.calls.map(([, , text]) => text);
    expect(words).toContainEqual(expect.stringMatching(/% · activations/));
    expect(words.filter((text) => text.includes("…"))).toEqual([]);
  });

  it("draws a step for each change of the resident size", () => {
    const drawn = new Drawn(memory, stateAfter(24), { x: 0, y: 0, width: 416, height: 500 });
    const before = drawn.scene.shapeCount;
    const { memory: real } = drawn.state;
    read(drawn.state, { ...real!, process_resident: real!.process_resident + 2 ** 20 });
    drawn.draw();
    expect(drawn.scene.shapeCount).toBe(before + 3);
  });

  it("forgets the history of another model's process", () => {
    const drawn = new Drawn(memory, stateAfter(24), { x: 0, y: 0, width: 416, height: 500 });
    const before = drawn.scene.shapeCount;
    const { memory: real } = drawn.state;
    read(drawn.state, { ...real!, process_resident: real!.process_resident + 2 ** 20 });
    drawn.draw();
    expect(drawn.scene.shapeCount).toBe(before + 3);
    read(drawn.state, { ...real!, weights: real!.weights / 2 });
    drawn.draw();
    expect(drawn.scene.shapeCount).toBe(before);
  });
});

describe("the memory of a pinned moment", () => {
  /** Three tokens a second apart from second 1; the process grew by a mebibyte with each but the first. */
  function run(readings: readonly number[]): AppState {
    const { events } = memoryRun("smollm2");
    const state = stateOf(events.filter(({ kind }) => kind !== "token" && kind !== "memory"));
    const real = events.find((event) => event.kind === "memory")!;
    const tokens = events.filter((event) => event.kind === "token").slice(0, 3);
    tokens.forEach((token, i) => {
      const process_resident = real.process_resident + i * 2 ** 20;
      const read = readings.includes(i) ? [{ ...real, process_resident }] : [];
      const frame: Frame = { kind: "frame", number: i, time: 0, first_seq: 0, events: [token], state: read };
      apply(state, frame, 90 + 4 * i);
    });
    return state;
  }
  const pin = (state: AppState, step: number): void => {
    stepSelected(state, step);
    momentSettled(state, state.run!.started.run_id, step, null);
  };
  const said = (drawn: Drawn): string[] => {
    const written = vi.spyOn(drawn.scene, "text");
    drawn.draw();
    const words = written.mock.calls.map(([, , text]) => text);
    written.mockRestore();
    return words;
  };
  const sizeAt = (i: number): string => {
    const { events } = memoryRun("smollm2");
    return bytes(events.find((event) => event.kind === "memory")!.process_resident + i * 2 ** 20);
  };

  it("is what was read then, and the newest again when that is followed", () => {
    const state = run([0, 1, 2]);
    const drawn = new Drawn(memory, state, { x: 0, y: 0, width: 416, height: 500 });
    expect(said(drawn)).toContain(sizeAt(2));
    pin(state, 0);
    expect(said(drawn)).toContain(sizeAt(0));
    expect(monitorModel(state).memory.total).toBe(`${sizeAt(0)} resident`);
    pin(state, 1);
    expect(said(drawn)).toContain(sizeAt(1));
    stepSelected(state, null);
    expect(said(drawn)).toContain(sizeAt(2));
  });

  it("is said to be unknown where it was not read, whatever was read before or since", () => {
    const state = run([0, 2]);
    const drawn = new Drawn(memory, state, { x: 0, y: 0, width: 416, height: 500 });
    pin(state, 1);
    const words = said(drawn);
    expect(words).toContain("no reading of the memory at this moment");
    // No account: neither what it is made of, nor a sum.
    expect(words.filter((text) => /^(weights|sum|CPU|difference)$/.test(text))).toEqual([]);
    expect(words).toContain("RESIDENT");
    expect(monitorModel(state).memory).toMatchObject({ known: false, total: "no reading" });
  });

  it("is what a kept run had recorded, where it tells", () => {
    const state = run([0, 2]);
    const drawn = new Drawn(memory, state, { x: 0, y: 0, width: 416, height: 500 });
    const kept = { ...state.memory!, process_resident: 777 * 2 ** 20 };
    stepSelected(state, 1);
    const { run_id } = state.run!.started;
    apply(state, { kind: "moment_reply", request: 1, run_id, step: 1, state: [kept] }, 110);
    momentSettled(state, run_id, 1, null);
    expect(said(drawn)).toContain(bytes(kept.process_resident));
  });
});
