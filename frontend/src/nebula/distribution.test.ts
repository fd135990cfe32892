import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { decodeValue } from "../telemetry/decode";
import type { Distribution, NdArray } from "../telemetry/protocol.gen";
import { lightsOf, probabilityOf } from "./distribution";

interface Fixture {
  readonly event: Distribution;
  readonly ids: NdArray<Uint32Array>;
  /** As Python's decoder gives them. */
  readonly probabilities: NdArray<Float32Array>;
}

function fixture(): Fixture {
  const bytes = readFileSync(new URL("../../test/fixtures/distribution.msgpack", import.meta.url));
  const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  return decodeValue(buffer) as Fixture;
}

describe("a distribution off the wire", () => {
  const { event, ids, probabilities } = fixture();

  it("holds coded, listed and exact tokens on both sides of a block's border", () => {
    expect(event.index_low.data.length).toBeGreaterThan(100);
    expect(event.block_counts.data.length).toBe(2);
    expect(Math.min(...event.block_counts.data)).toBeGreaterThan(0);
    expect(ids.data.length).toBeGreaterThan(700);
  });

  it("gives each token the probability that Python reads", () => {
    ids.data.forEach((id, i) => {
      const expected = probabilities.data[i]!;
      expect(Math.abs(probabilityOf(event, id) / expected - 1), `token ${id}`).toBeLessThan(2e-6);
    });
  });

  it("gives all lights at once, the same as one by one", () => {
    const lights = new Float32Array(event.n_vocab);
    lightsOf(event, lights);
    for (let id = 0; id < event.n_vocab; id += 13) {
      expect(lights[id]).toBeCloseTo(Math.sqrt(probabilityOf(event, id)), 6);
    }
    const total = lights.reduce((sum, light) => sum + light * light, 0);
    expect(total).toBeCloseTo(1, 3);
  });

  it("knows no token outside the vocabulary", () => {
    expect(probabilityOf(event, -1)).toBe(0);
    expect(probabilityOf(event, event.n_vocab)).toBe(0);
    expect(probabilityOf(event, 4_000_000)).toBe(0);
  });

  it("without codes gives only what is listed", () => {
    const empty = { data: new Uint8Array(0), shape: [0] };
    const sparse: Distribution = { ...event, codes: empty };
    const coded = ids.data.find((id) => !isListed(event, id))!;
    const lights = new Float32Array(event.n_vocab).fill(1);
    lightsOf(sparse, lights);
    expect(probabilityOf(sparse, coded)).toBe(0);
    expect(lights[coded]).toBe(0);
    expect(lights[event.top_ids.data[0]!]).toBeGreaterThan(0);
  });
});

function isListed(event: Distribution, id: number): boolean {
  if (event.top_ids.data.includes(id)) return true;
  const first = event.block_counts.data[0]!;
  const block = id < 65536 ? event.index_low.data.subarray(0, first) : event.index_low.data.subarray(first);
  return block.includes(id % 65536);
}
