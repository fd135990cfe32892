import { readFileSync } from "node:fs";
import { Encoder, ExtData } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { DecodeError, decodeMessage, decodeValue } from "./decode";
import { encodeCommand } from "./encode";
import { halfToFloat } from "./half";
import type { AttentionWeights, CacheStatus, Frame, NdArray, TokenGenerated } from "./protocol.gen";

/** As a WebSocket hands it over: a buffer of its own, so that offset 0 is aligned. */
function fixture(name: string): ArrayBuffer {
  const bytes = readFileSync(new URL(`../../test/fixtures/${name}`, import.meta.url));
  return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
}

type Numbers = Float32Array | Uint8Array | BigUint64Array;

describe("arrays", () => {
  const buffer = fixture("arrays.msgpack");
  const message = decodeValue(buffer) as Record<string, NdArray<Numbers> | string>;
  const names = Object.keys(message).filter((name) => !name.startsWith("pad_"));

  it("are views of the message, wherever they stand in it", () => {
    expect(names.length).toBe(45);
    for (const name of names) {
      const { data } = message[name] as NdArray<Numbers>;
      expect(data.buffer, name).toBe(buffer);
      expect(data.byteOffset % data.BYTES_PER_ELEMENT, name).toBe(0);
    }
  });

  it("hold the numbers that were put in", () => {
    for (const name of names) {
      if (name === "matrix") continue;
      const { data, shape } = message[name] as NdArray<Numbers>;
      expect(shape).toEqual([Number(name.split("_")[1])]);
      for (let i = 0; i < data.length; i++) {
        const value = name.startsWith("f2") ? halfToFloat(Number(data[i])) : Number(data[i]);
        if (value !== i % 120) expect.fail(`${name}[${i}] is ${value}`);
      }
    }
    expect((message.matrix as NdArray<Float32Array>).shape).toEqual([3, 4]);
  });

  it("are copied when the buffer is not aligned", () => {
    const shifted = new Uint8Array(buffer.byteLength + 1);
    shifted.set(new Uint8Array(buffer), 1);
    const again = decodeValue(shifted.subarray(1)) as Record<string, NdArray<Float32Array>>;
    expect(Array.from(again.f4_300!.data)).toEqual(
      Array.from((message.f4_300 as NdArray<Float32Array>).data),
    );
  });

  it("with a header that lies are refused", () => {
    const encoder = new Encoder();
    const wrap = (payload: number[]) => encoder.encode(new ExtData(1, new Uint8Array(payload)));
    expect(() => decodeValue(wrap([7, 1]))).toThrow(DecodeError);
    expect(() => decodeValue(wrap([99, 0, 0, 0]))).toThrow(DecodeError);
    expect(() => decodeValue(wrap([0, 9, 0, 0]))).toThrow(DecodeError);
    expect(() => decodeValue(wrap([7, 1, 0, 0, 255, 255, 255, 255, 1, 2, 3, 4]))).toThrow(DecodeError);
    expect(() => decodeValue(wrap([7, 1, 200, 0, 1, 0, 0, 0, 1, 2, 3, 4]))).toThrow(DecodeError);
  });
});

describe("messages", () => {
  it("come out as the schema says", () => {
    const frame = decodeMessage(fixture("frame.msgpack")) as Frame;
    expect(frame).toMatchObject({ kind: "frame", number: 7, time: 1.25, first_seq: 11 });
    const token = frame.events[1] as TokenGenerated;
    expect(token).toMatchObject({ kind: "token", token_text: " café", rank: 2, eog: false });
    expect(token.token_bytes).toEqual(new TextEncoder().encode(" café"));
    expect(token.top_p.data[0]).toBeCloseTo(0.4, 6);
    const cache = frame.state[0] as CacheStatus;
    expect(cache.key_bytes.data[29]).toBe(1n << 33n);
    expect(cache.memory_bytes).toBe(30 * 2 ** 34);
    const attention = frame.state[1] as AttentionWeights;
    expect(Array.from(attention.weights.data, halfToFloat)).toEqual([
      0.5, 0.25, 0.25, 0, 0.125, 0.125, 0.25, 0.5,
    ]);
  });

  it("of broken bytes are refused, whatever is broken", () => {
    const bytes = new Uint8Array(fixture("frame.msgpack"));
    for (let cut = 0; cut < bytes.length; cut += 37) {
      expect(() => decodeMessage(bytes.slice(0, cut))).toThrow(DecodeError);
    }
    expect(() => decodeMessage(new Uint8Array([0x93, 1, 2, 3]))).toThrow(DecodeError);
    expect(() => decodeMessage(new Uint8Array([0xdd, 0xff, 0xff, 0xff, 0xff]))).toThrow(DecodeError);
  });
});

describe("half floats", () => {
  it.each([
    [0x0000, 0],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x3c00, 1],
    [0xc000, -2],
    [0x7bff, 65504],
    [0x7c00, Number.POSITIVE_INFINITY],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])("%#x", (bits, value) => expect(halfToFloat(bits)).toEqual(value));
});

describe("commands", () => {
  it("survive the way out", () => {
    expect(decodeValue(encodeCommand({ kind: "want", parts: ["cache"], attention: [[1, 2]] }))).toEqual({
      kind: "want",
      parts: ["cache"],
      attention: [[1, 2]],
    });
  });
});
