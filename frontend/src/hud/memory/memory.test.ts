import { describe, expect, it, vi } from "vitest";
import { Drawn } from "../../../test/drawn";
import { stateAfter } from "../../../test/monitor_run";
import { memory } from "./memory";

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
    drawn.state.memory = { ...real!, process_resident: real!.process_resident + 2 ** 20 };
    drawn.draw();
    expect(drawn.scene.shapeCount).toBe(before + 3);
  });

  it("forgets the history of another model's process", () => {
    const drawn = new Drawn(memory, stateAfter(24), { x: 0, y: 0, width: 416, height: 500 });
    const before = drawn.scene.shapeCount;
    const { memory: real } = drawn.state;
    drawn.state.memory = { ...real!, weights: real!.weights / 2 };
    drawn.draw();
    expect(drawn.scene.shapeCount).toBe(before);
  });
});
