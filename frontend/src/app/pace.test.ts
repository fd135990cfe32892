import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keepPace, type Paced } from "./pace";
import type { Picture } from "./picture";

let animate: () => void;
let done: string[];
let behind: boolean;
let free: () => void;
let page: { -readonly [K in keyof Paced]: Paced[K] };
let arrived: () => void;
const ending = new AbortController();

beforeEach(() => {
  vi.stubGlobal("requestAnimationFrame", (frame: () => void) => (animate = frame));
  done = [];
  behind = false;
  const picture = {
    get behind() {
      return behind;
    },
    idle: () => new Promise<void>((resolve) => (free = resolve)),
  } as unknown as Picture;
  page = {
    graphics: { picture },
    signal: ending.signal,
    ownPace: true,
    tick: () => done.push("picture"),
    tend: () => done.push("rest"),
    handOver: () => done.push("light"),
  };
  arrived = keepPace(page);
});
afterEach(() => void vi.unstubAllGlobals());

it("draws a picture with each animation frame, which takes in what arrived", () => {
  arrived();
  animate();
  arrived();
  animate();
  expect(done).toEqual(["picture", "picture"]);
});

it("hands what arrives to a GPU that is behind, and draws when it is free", async () => {
  behind = true;
  arrived();
  expect(done).toEqual(["rest", "light"]);
  animate();
  expect(done).toEqual(["rest", "light", "rest", "light"]);
  behind = false;
  free();
  await Promise.resolve();
  await Promise.resolve();
  expect(done.slice(4)).toEqual(["picture"]);
});

it("leaves everything to an export that draws by itself", () => {
  page.ownPace = false;
  behind = true;
  animate();
  arrived();
  expect(done).toEqual([]);
});

it("draws where there is no picture yet: the page says so", () => {
  page.graphics = { picture: null };
  animate();
  expect(done).toEqual(["picture"]);
});
