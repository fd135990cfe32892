import { encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { DecodeError, decodeValue } from "./decode";
import { MAX_NESTING, nestedWithin } from "./nesting";

const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
const inMaps = (depth: number): unknown => (depth === 0 ? null : { key: inMaps(depth - 1), other: 2 });

/** Every kind of value msgpack has, in every length of its head. */
const EVERYTHING = {
  numbers: [
    0,
    127,
    128,
    255,
    256,
    65535,
    65536,
    2 ** 32,
    2 ** 40,
    -1,
    -32,
    -33,
    -129,
    -40000,
    -(2 ** 40),
    1.5,
  ],
  float: Math.fround(0.1),
  plain: [true, false, null],
  text: ["", "a".repeat(31), "b".repeat(32), "c".repeat(300), "d".repeat(70_000)],
  bytes: [new Uint8Array(3), new Uint8Array(300), new Uint8Array(70_000)],
  arrays: [[], Array(15).fill(0), Array(16).fill(0), Array(70_000).fill(0)],
  maps: [{}, Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, i]))],
};

describe("the depth of a message", () => {
  it.each([1, 2, 31, 32])("is within the limit at %i", (depth) => {
    expect(nestedWithin(encode(nested(depth), { maxDepth: 100 }), 32)).toBe(true);
    expect(nestedWithin(encode(inMaps(depth), { maxDepth: 100 }), 32)).toBe(true);
  });

  it.each([33, 34, 90])("is past it at %i", (depth) => {
    expect(nestedWithin(encode(nested(depth), { maxDepth: 100 }), 32)).toBe(false);
    expect(nestedWithin(encode(inMaps(depth), { maxDepth: 100 }), 32)).toBe(false);
  });

  it("is counted rightly behind every kind of value", () => {
    for (const [name, value] of Object.entries(EVERYTHING)) {
      const depth = (inside: number) => encode([value, nested(inside)], { maxDepth: 100 });
      expect(nestedWithin(depth(31), 32), name).toBe(true);
      expect(nestedWithin(depth(32), 32), name).toBe(false);
    }
  });

  it("is counted rightly behind extensions of every length", () => {
    const heads = [[0xd4], [0xd5], [0xd6], [0xd7], [0xd8], [0xc7, 5], [0xc8, 1, 0], [0xc9, 0, 1, 0, 0]];
    const lengths = [1, 2, 4, 8, 16, 5, 256, 65536];
    heads.forEach((head, i) => {
      const item = [...head, 1, ...Array(lengths[i]!).fill(0x91)];
      for (const [inside, fits] of [
        [31, true],
        [32, false],
      ] as const) {
        const bytes = Uint8Array.from([0x92, ...item, ...encode(nested(inside), { maxDepth: 100 })]);
        expect(nestedWithin(bytes, 32), `head ${head[0]}`).toBe(fits);
      }
    });
  });

  it("is what the decoder refuses first: a bomb is not followed", () => {
    const bomb = new Uint8Array(50_000_000).fill(0x91);
    const begin = performance.now();
    expect(() => decodeValue(bomb)).toThrow(DecodeError);
    expect(performance.now() - begin).toBeLessThan(100);
    expect(() => decodeValue(encode(nested(MAX_NESTING + 1), { maxDepth: 100 }))).toThrow(
      /inside one another/,
    );
  });

  it("leaves what is cut off to the decoder", () => {
    const whole = encode(EVERYTHING);
    for (let length = 0; length < 400; length++) expect(nestedWithin(whole.subarray(0, length))).toBe(true);
  });
});
