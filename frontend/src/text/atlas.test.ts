import { describe, expect, it } from "vitest";
import { Atlas, type Slot } from "./atlas";

const bitmap = (width: number, height: number, value: number): Uint8Array =>
  new Uint8Array(width * height).fill(value);

function put(atlas: Atlas, width: number, height: number, frame: number, value = 1): Slot | null {
  const slot = atlas.put(width, height, bitmap(width, height, value), frame);
  if (slot) slot.evicted = () => {};
  return slot;
}

describe("glyph atlas", () => {
  it("gives every glyph its own pixels", () => {
    const atlas = new Atlas(512, 256);
    const placed: [Slot, number, number, number][] = [];
    for (let i = 1; i <= 60; i++) {
      const [width, height] = [5 + (i % 20), 9 + (i % 13)];
      placed.push([put(atlas, width, height, 1, i)!, width, height, i]);
    }
    for (const [slot, width, height, value] of placed) {
      for (let y = 0; y < height; y++) {
        const row = (slot.y + y) * atlas.width + slot.x;
        expect(new Set(atlas.coverage.subarray(row, row + width))).toEqual(new Set([value]));
      }
    }
  });

  it("takes the place that was longest unused, and says so to its holder", () => {
    const atlas = new Atlas(256, 16);
    const slots = Array.from({ length: 16 }, (_, i) => put(atlas, 16, 16, i)!);
    const told: number[] = [];
    for (const [i, slot] of slots.entries()) slot.evicted = () => told.push(i);
    slots[0]!.used = 20;
    expect(put(atlas, 16, 16, 21)).toMatchObject({ x: slots[1]!.x, y: slots[1]!.y });
    expect([told, atlas.evictions]).toEqual([[1], 1]);
  });

  it("never evicts what this frame has drawn: it refuses, and counts", () => {
    const atlas = new Atlas(256, 16);
    for (let i = 0; i < 16; i++) expect(put(atlas, 16, 16, 5)).not.toBeNull();
    expect(put(atlas, 16, 16, 5)).toBeNull();
    expect(atlas.refused).toBe(1);
    expect(put(atlas, 16, 16, 6)).not.toBeNull();
  });

  it("recuts a stale block for another size", () => {
    const atlas = new Atlas(256, 32);
    for (let i = 0; i < 8; i++) put(atlas, 32, 32, 1);
    expect(put(atlas, 100, 20, 2)).not.toBeNull();
    expect(put(atlas, 300, 10, 3)).toBeNull();
  });

  it("reports the rows to upload, once", () => {
    const atlas = new Atlas(256, 64);
    put(atlas, 10, 12, 1);
    put(atlas, 10, 20, 1);
    expect(atlas.takeDirty()).toEqual({ first: 0, count: 32 });
    expect(atlas.takeDirty()).toBeNull();
  });

  it("forgets everything when the font changes", () => {
    const atlas = new Atlas(256, 16);
    let evicted = 0;
    for (let i = 0; i < 4; i++) put(atlas, 16, 16, 1)!.evicted = () => evicted++;
    atlas.clear();
    expect(evicted).toBe(4);
    expect(put(atlas, 16, 16, 1)).toMatchObject({ x: 0, y: 0 });
  });
});
