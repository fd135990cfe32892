import { beforeAll, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import type { Frames, Manifest } from "./archive.gen";
import { framesIn } from "./archive_frames";
import type { StateEvent } from "./protocol.gen";
import { Retold } from "./retold";

let chunks: (readonly StateEvent[])[][];
beforeAll(async () => {
  const archive = DiskArchive.make();
  const { frame_chunks } = (await archive.part("manifest")) as Manifest;
  chunks = [];
  for (let i = 0; i < frame_chunks.length; i++) {
    const part = (await archive.part(`frames/${i}`)) as Frames;
    chunks.push([...framesIn(part)].map(({ state }) => state as StateEvent[]));
  }
});

it("takes for news what a chunk's first frame says first, and not what stood before it", () => {
  const retold = new Retold();
  for (const state of chunks[0]!) retold.news(state, false);
  const stood = chunks[0]!.at(-1)!;
  const first = chunks[1]![0]!.filter(({ kind }) => kind === "distribution" || kind === "layers");
  expect(stood.length).toBeGreaterThan(2);
  expect(first.length).toBeGreaterThan(1);
  expect(retold.news([...stood, ...first], true)).toEqual(first);
});

it("leaves every other frame as it is, and begins anew when it is cleared", () => {
  const retold = new Retold();
  const [state] = chunks[1]!;
  expect(retold.news(state!, false)).toBe(state);
  expect(retold.news(state!, false)).toBe(state);
  expect(retold.news(state!, true)).toEqual([]);
  retold.clear();
  expect(retold.news(state!, true)).toBe(state);
});
