import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runFrames } from "./frame_loop";

let frames: FrameRequestCallback[];
let ending: AbortController;
const animate = () => {
  for (const frame of frames.splice(0)) frame(performance.now());
};
const settle = async () => {
  for (let i = 0; i < 4; i++) await Promise.resolve();
};

beforeEach(() => {
  frames = [];
  ending = new AbortController();
  vi.stubGlobal("requestAnimationFrame", (frame: FrameRequestCallback) => frames.push(frame));
});
afterEach(() => {
  ending.abort();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

it("draws with each animation frame, whatever one of them throws, and says an error once", () => {
  const said = vi.spyOn(console, "error").mockImplementation(() => {});
  let drawn = 0;
  runFrames(
    () => {
      drawn++;
      throw new Error("no");
    },
    () => {},
    ending.signal,
  );
  for (let i = 0; i < 3; i++) animate();
  expect([drawn, said.mock.calls.length]).toEqual([3, 1]);
  ending.abort();
  animate();
  expect(drawn).toBe(3);
});

it("draws what had to wait as soon as it can, and once", async () => {
  let free = () => {};
  const times: string[] = [];
  let behind = false;
  const frame = () => {
    times.push(behind ? "waits" : "draws");
    return behind ? new Promise<void>((done) => (free = done)) : null;
  };
  runFrames(frame, () => {}, ending.signal);
  animate();
  behind = true;
  animate();
  const first = free;
  animate();
  behind = false;
  first();
  await settle();
  expect(times).toEqual(["draws", "waits", "waits", "draws"]);
});

it("draws no more after its end", async () => {
  let free = () => {};
  let drawn = 0;
  const frame = () => {
    drawn++;
    return new Promise<void>((done) => (free = done));
  };
  runFrames(frame, () => {}, ending.signal);
  animate();
  ending.abort();
  free();
  await settle();
  expect(drawn).toBe(1);
});
