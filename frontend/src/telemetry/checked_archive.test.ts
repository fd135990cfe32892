import { beforeAll, describe, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import { CheckedArchive, SessionError } from "./checked_archive";

const NAMES = [
  "manifest",
  "timeline",
  "tokens/0",
  "frames/0",
  "frames/2",
  "attention/23/0",
  "vocabulary",
  "positions/umap",
];

let disk: DiskArchive;
beforeAll(() => {
  disk = DiskArchive.make();
});

const of = (part: unknown) => new CheckedArchive({ part: async () => part });

/** A copy that may be changed; arrays are shared. */
function copy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copy);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inside]) => [key, copy(inside)]));
}

it("lets a real session through, and what is not there", async () => {
  const archive = new CheckedArchive(disk);
  for (const name of NAMES) expect(await archive.part(name), name).toEqual(await disk.part(name));
  expect(await archive.part("frames/99")).toBeNull();
});

describe("refuses", () => {
  it.each<[string, (part: never) => void]>([
    [
      "manifest",
      (m: { steps: unknown }) => {
        m.steps = -1;
      },
    ],
    [
      "manifest",
      (m: { steps: unknown }) => {
        m.steps = 2 ** 40;
      },
    ],
    [
      "manifest",
      (m: { title: unknown }) => {
        m.title = {};
      },
    ],
    [
      "manifest",
      (m: { attention_rows: unknown }) => {
        m.attention_rows = 0;
      },
    ],
    [
      "manifest",
      (m: { frame_chunks: unknown[] }) => {
        m.frame_chunks[0] = [1, 2];
      },
    ],
    [
      "manifest",
      (m: { phases: unknown[] }) => {
        m.phases[0] = ["running", 2];
      },
    ],
    [
      "manifest",
      (m: { positions: unknown }) => {
        m.positions = ["../x"];
      },
    ],
    [
      "manifest",
      (m: { model: { model: { n_layer: unknown } } }) => {
        m.model.model.n_layer = 1e9;
      },
    ],
    [
      "manifest",
      (m: { started: { prompt_ids: unknown } }) => {
        m.started.prompt_ids = [1];
      },
    ],
    [
      "timeline",
      (t: { p: { data: Float32Array } }) => {
        t.p.data = t.p.data.subarray(1);
      },
    ],
    [
      "tokens/0",
      (t: { tokens: { token_text: unknown }[] }) => {
        t.tokens[3]!.token_text = 7;
      },
    ],
    [
      "frames/0",
      (f: { lengths: { data: Uint32Array } }) => {
        f.lengths.data = f.lengths.data.map(() => 2 ** 31);
      },
    ],
    [
      "frames/0",
      (f: { offsets: { data: Uint32Array } }) => {
        f.offsets.data = f.offsets.data.map((at) => at + 1);
      },
    ],
    [
      "attention/23/0",
      (a: { keys: unknown }) => {
        a.keys = 10_000;
      },
    ],
    [
      "attention/23/0",
      (a: { rows: unknown }) => {
        a.rows = 1;
      },
    ],
    [
      "vocabulary",
      (v: { offsets: unknown }) => {
        v.offsets = null;
      },
    ],
  ] as never)("%s when %s", async (name, change) => {
    const part = copy(await disk.part(name));
    (change as (part: unknown) => void)(part);
    await expect(of(part).part(name)).rejects.toThrow(SessionError);
  });

  it("a part of a kind it does not know", async () => {
    await expect(of({}).part("constructor")).rejects.toThrow(SessionError);
    await expect(of({}).part("other/0")).rejects.toThrow(SessionError);
  });
});

it("never fails in another way, whatever a part is", async () => {
  const odd = [
    undefined,
    0,
    "",
    [],
    {},
    { data: 1 },
    { data: new Uint8Array(1), shape: "x" },
    new Uint8Array(3),
  ];
  for (const name of NAMES) {
    for (const value of odd) await expect(of(value).part(name)).rejects.toThrow(SessionError);
    const whole = (await disk.part(name)) as Record<string, unknown>;
    for (const field of Object.keys(whole)) {
      for (const value of odd) {
        const changed = { ...whole, [field]: value };
        await of(changed)
          .part(name)
          .catch((error: unknown) => expect(error).toBeInstanceOf(SessionError));
      }
    }
  }
});
