import "../app/platform";
import { expect, it } from "vitest";
import { Sent } from "./hud_resources";

/** Words from 2 on of an array, kept in a buffer from byte 16; and the writes so far, as byte in the buffer and words. */
function begin() {
  const writes: [at: number, words: number[]][] = [];
  const writeBuffer = (_: unknown, at: number, data: ArrayBuffer, from: number, size: number) =>
    writes.push([at, [...new Uint32Array(data, from, size / 4)]]);
  const sent = new Sent({ queue: { writeBuffer } } as unknown as GPUDevice, {} as GPUBuffer, 16, 2, 8);
  const send = (...words: number[]) => {
    const changed = sent.send(Uint32Array.of(90, 91, ...words, 92), words.length);
    return [changed, ...writes.splice(0)];
  };
  return send;
}

it("sends all at first, then nothing that is the same", () => {
  const send = begin();
  expect(send(1, 2, 3)).toEqual([true, [16, [1, 2, 3]]]);
  expect(send(1, 2, 3)).toEqual([false]);
});

it("sends from the first change to the last", () => {
  const send = begin();
  send(1, 2, 3, 4, 5);
  expect(send(1, 7, 3, 8, 5)).toEqual([true, [20, [7, 3, 8]]]);
  expect(send(1, 7, 3, 8, 6)).toEqual([true, [32, [6]]]);
});

it("knows what there is more and less of", () => {
  const send = begin();
  send(1, 2, 3);
  expect(send(1, 2, 3, 4)).toEqual([true, [28, [4]]]);
  expect(send(1, 2)).toEqual([true]);
  expect(send(1, 2)).toEqual([false]);
  // What stood beyond the end is still there, but counts no more.
  expect(send(1, 2, 3)).toEqual([true, [24, [3]]]);
  expect(send(9)).toEqual([true, [16, [9]]]);
});
