import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { ExtData, encode } from "@msgpack/msgpack";
import { describe, expect, it } from "vitest";
import { FileArchive, FileError } from "./file_archive";
import { ARRAY_EXT, DTYPES } from "./protocol.gen";

const BYTES = new Uint8Array(
  readFileSync(new URL("../../test/fixtures/session.cloudchamber", import.meta.url)),
);
const NAMES = ["manifest", "timeline", "tokens/0", "attention/11/0"];

const open = (bytes: Uint8Array) => FileArchive.open(new Blob([new Uint8Array(bytes)]));
const text = (value: unknown) => JSON.stringify(value);

/** All parts that a reader gets to see, as text, by name. */
async function shown(bytes: Uint8Array): Promise<Map<string, string>> {
  const parts = new Map<string, string>();
  let archive: FileArchive;
  try {
    archive = await open(bytes);
  } catch (error) {
    if (error instanceof FileError) return parts;
    throw error;
  }
  for (const name of archive.names()) {
    try {
      parts.set(name, text(await archive.part(name)));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
    }
  }
  return parts;
}

describe("a session's file", () => {
  it("comes back as it was written, arrays as views", async () => {
    const archive = await open(BYTES);
    expect([...archive.names()]).toEqual(NAMES);
    expect(await archive.part("manifest")).toEqual({ format: 1, title: "Tiny", steps: 3 });
    const timeline = (await archive.part("timeline")) as { time: { data: Float64Array; shape: number[] } };
    expect([...timeline.time.data]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(await archive.part("frames/0")).toBeNull();
  });

  it("is refused when cut off at any byte", async () => {
    for (let length = 0; length < BYTES.length; length++) {
      await expect(open(BYTES.subarray(0, length)), `${length} bytes`).rejects.toThrow(FileError);
    }
  });

  it("shows nothing wrong with any byte changed", async () => {
    const right = await shown(BYTES);
    expect([...right.keys()]).toEqual(NAMES);
    for (let at = 0; at < BYTES.length; at++) {
      const damaged = BYTES.slice();
      damaged[at]! ^= 1 << (at % 8);
      const parts = await shown(damaged);
      expect(parts.size, `byte ${at}`).toBeLessThan(NAMES.length);
      for (const [name, part] of parts) expect(part).toBe(right.get(name));
    }
  }, 60_000);

  it("stops when it is no longer wanted", async () => {
    const archive = await open(BYTES);
    await expect(archive.part("tokens/0", AbortSignal.abort())).rejects.toThrow(/abort/i);
  });
});

type Column = Uint8Array | Uint32Array | Float32Array;

function array(data: Column, shape: number[] = [data.length]): ExtData {
  const code = { Uint8Array: "u1", Uint32Array: "u4", Float32Array: "f4" }[data.constructor.name] as "u1";
  const head = new Uint8Array(new Uint32Array([0, ...shape]).buffer);
  head.set([DTYPES.indexOf(code), shape.length, 0, 0]);
  return new ExtData(ARRAY_EXT, Buffer.concat([head, new Uint8Array(data.buffer)]));
}

const sha = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const MANIFEST = encode({ title: "Crafted" });

/** A file with right checksums and an index as wished. */
function craft(
  changed: Record<string, unknown> = {},
  version = 1,
  body = new Uint8Array(gzipSync(MANIFEST)),
) {
  const columns = {
    names: array(new TextEncoder().encode("manifest")),
    coding: array(new Uint8Array([1])),
    stored: array(new Uint32Array([body.length])),
    raw: array(new Uint32Array([MANIFEST.length])),
    sha256: array(sha(body), [1, 32]),
    ...changed,
  };
  return seal(body, encode(columns), version);
}

function seal(body: Uint8Array, index: Uint8Array, version = 1): Uint8Array {
  const header = Uint8Array.from([...BYTES.subarray(0, 8), version, 0, 0, 0, 0, 0, 0, 0]);
  const length = new Uint8Array(new BigUint64Array([BigInt(index.length)]).buffer);
  const sum = sha(Buffer.concat([header, index, length]));
  return Buffer.concat([header, body, index, length, sum, BYTES.subarray(BYTES.length - 8)]);
}

describe("a hostile file with right checksums", () => {
  it("is read when nothing is wrong with it", async () => {
    expect(await (await open(craft())).part("manifest")).toEqual({ title: "Crafted" });
  });

  const u1 = (name: string) => array(new TextEncoder().encode(name));
  it.each<[Record<string, unknown>, RegExp]>([
    [{ names: u1("../x") }, /none of a part/],
    [{ names: u1("a\na") }, /differ in length/],
    [{ names: "manifest" }, /no column names/],
    [{ coding: null }, /no column coding/],
    [{ coding: array(new Uint8Array([7])) }, /in a coding/],
    [{ stored: array(new Uint32Array([1])) }, /do not fill it/],
    [{ stored: array(new Uint32Array([0xffffffff])) }, /do not fill it/],
    [{ raw: array(new Uint32Array([0xffffffff])) }, /larger than they can be/],
    [{ raw: array(new Uint32Array([200_000])) }, /larger than they can be/],
    [{ raw: array(new Float32Array([40])) }, /no column raw/],
    [{ sha256: array(new Uint8Array(31)) }, /differ in length/],
  ])("is refused for %o", async (changed, sentence) => {
    await expect(open(craft(changed))).rejects.toThrow(sentence);
  });

  it("is refused when it is of a later version", async () => {
    await expect(open(craft({}, 2))).rejects.toThrow(/is of version 2/);
  });

  it("is refused when its index is nested like a bomb", async () => {
    const index = new Uint8Array(100_000).fill(0x91);
    await expect(open(seal(new Uint8Array(0), index))).rejects.toThrow(/index is not valid/);
  });

  it("is not unpacked past its promise", async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    const archive = await open(craft({ raw: array(new Uint32Array([1000])) }, 1, bomb));
    await expect(archive.part("manifest")).rejects.toThrow(/can't be unpacked/);
  });

  it.each([-1, 1])("is refused when a part is %i byte off its promise", async (off) => {
    const archive = await open(craft({ raw: array(new Uint32Array([MANIFEST.length + off])) }));
    await expect(archive.part("manifest")).rejects.toThrow(/can't be unpacked/);
  });

  it("is refused when a part is no message, or nested like a bomb", async () => {
    for (const content of [Uint8Array.from([0xc1]), new Uint8Array(5000).fill(0x91)]) {
      const body = new Uint8Array(gzipSync(content));
      const archive = await open(craft({ raw: array(new Uint32Array([content.length])) }, 1, body));
      await expect(archive.part("manifest")).rejects.toThrow(/part manifest is not valid/);
    }
  });
});
