import { beforeAll, describe, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import type { Question } from "../state/requests";
import { type Archive, PartCache } from "./archive";
import type { Frames, Manifest, Timeline } from "./archive.gen";
import { ArchiveAnswers } from "./archive_answers";
import { framesIn } from "./archive_frames";
import { listed } from "./listed";
import type {
  AttentionReply,
  Distribution,
  DistributionReply,
  FlowReply,
  HeadHistoryReply,
  MemoryUsage,
  Message,
  MomentReply,
  TokensReply,
} from "./protocol.gen";

const [LAYER, HEAD] = [23, 5];
let archive: DiskArchive;
let answers: ArchiveAnswers;
let timeline: Timeline;
let manifest: Manifest;

async function answersOf(parts: Archive): Promise<ArchiveAnswers> {
  manifest = (await parts.part("manifest")) as Manifest;
  timeline = (await parts.part("timeline")) as Timeline;
  return new ArchiveAnswers({ manifest, timeline, unfinished: false }, new PartCache(parts));
}

beforeAll(async () => {
  archive = DiskArchive.make();
  answers = await answersOf(archive);
});

const ask = <M extends Message>(question: Omit<Question, "request">): Promise<M> =>
  answers.answer({ ...question, request: 7 } as Question) as Promise<M>;

const WHOLE = { query_start: 0, query_stop: 0, key_start: 0, key_stop: 0 };

describe("a kept run answers", () => {
  it("with its tokens, as many as there are", async () => {
    const all = await ask<TokensReply>({ kind: "get_tokens", start: 0, stop: 0 } as never);
    expect(all.tokens.map(({ step }) => step)).toEqual(Array.from({ length: manifest.steps }, (_, i) => i));
    const few = await ask<TokensReply>({ kind: "get_tokens", start: 5, stop: 8 } as never);
    expect(few.tokens.map(({ token_id }) => token_id)).toEqual([...timeline.token.data.slice(5, 8)]);
  });

  it("with the state from which a token was chosen, and with no other's", async () => {
    const { state, step } = await ask<MomentReply>({ kind: "get_moment", step: 30 } as never);
    const position = timeline.position.data[step]!;
    expect(state.length).toBeGreaterThan(2);
    for (const event of state) {
      if (event.kind === "distribution") expect(event.step).toBe(30);
      if (event.kind === "heads" || event.kind === "layers") expect(event.position).toBe(position - 1);
      if (event.kind === "cache") expect(Math.max(...event.seq_len.data)).toBe(position);
    }
    expect(await ask({ kind: "get_moment", step: 9999 } as never)).toMatchObject({
      kind: "rejected",
      request: 7,
    });
  });

  it("with the memory as it was when the token came, and not as it became", async () => {
    const readings: [time: number, reading: MemoryUsage][] = [];
    for (let chunk = 0; chunk < manifest.frame_chunks.length; chunk++) {
      const part = (await archive.part(`frames/${chunk}`)) as Frames;
      [...framesIn(part)].forEach(({ state }, i) => {
        for (const event of state) if (event.kind === "memory") readings.push([part.time.data[i]!, event]);
      });
    }
    const sizes = new Set<number>();
    for (let step = 0; step < manifest.steps; step++) {
      const { state } = await ask<MomentReply>({ kind: "get_moment", step } as never);
      const found = state.find((event) => event.kind === "memory");
      const standing = readings.findLast(([time]) => time <= timeline.time.data[step]!)?.[1];
      expect(found?.process_resident).toBe(standing?.process_resident);
      if (found) sizes.add(found.process_resident);
    }
    expect(sizes.size).toBeGreaterThan(2);
  });

  it("with attention as the server reduces it: the greatest cell of each block", async () => {
    const asked = { kind: "get_attention", layer: LAYER, head: HEAD, mode: "head", ...WHOLE };
    const exact = await ask<AttentionReply>({ ...asked, max_size: 512 } as never);
    const [rows, columns] = exact.weights.shape as [number, number];
    expect([exact.query_block, exact.key_block, rows]).toEqual([1, 1, columns]);
    const coarse = await ask<AttentionReply>({ ...asked, max_size: 20 } as never);
    const block = coarse.query_block;
    expect(block).toBe(Math.ceil(rows / 20));
    const width = coarse.weights.shape[1]!;
    for (const [r, c] of [
      [10, 2],
      [15, 15],
      [width - 1, 0],
    ] as const) {
      let most = Number.NaN;
      for (let q = r * block; q < Math.min((r + 1) * block, rows); q++) {
        for (let k = c * block; k < Math.min((c + 1) * block, q + 1); k++) {
          const weight = exact.weights.data[q * columns + k]!;
          if (!(most >= weight)) most = Number.isNaN(weight) ? most : weight;
        }
      }
      expect(coarse.weights.data[r * width + c]).toBe(most);
    }
    const other = await ask({ ...asked, layer: 2, max_size: 512 } as never);
    expect(other).toMatchObject({ kind: "rejected", message: "This layer is left out." });
  });

  it("with the flow of a head, a mean, a maximum, each within the stated error of 1", async () => {
    const position = timeline.position.data[30]! - 1;
    const flow = { kind: "get_flow", position, layer: LAYER, head: HEAD };
    const total = ({ weights, sink }: FlowReply) => weights.data.reduce((sum, w) => sum + w, sink);
    const head = await ask<FlowReply>({ ...flow, mode: "head" } as never);
    const mean = await ask<FlowReply>({ ...flow, mode: "mean" } as never);
    const error = manifest.attention_error * (position + 1);
    expect(Math.abs(total(head) - 1)).toBeLessThan(error);
    expect(Math.abs(total(mean) - 1)).toBeLessThan(error);
    expect(head.weights.data).toHaveLength(position + 1);
    expect([...head.weights.data]).not.toEqual([...mean.weights.data]);
    const rollout = await ask({ ...flow, mode: "rollout" } as never);
    expect(rollout).toMatchObject({ kind: "rejected", message: expect.stringContaining("every layer") });
  });

  it("with a head's history where it was told, and nothing where it was not", async () => {
    const asked = { kind: "get_head_history", layer: LAYER, head: HEAD, start: 0, stop: 0 };
    const { entropy } = await ask<HeadHistoryReply>(asked as never);
    const known = [...entropy.data].filter((nats) => !Number.isNaN(nats));
    expect(known.length).toBeGreaterThan(20);
    expect(Math.max(...known)).toBeLessThan(Math.log(entropy.data.length));
  });
});

describe("exact distributions", () => {
  const exact = Float32Array.from({ length: 70_000 }, (_, i) => (i % 7 === 0 ? 0 : 1 / (i + 1) ** 1.2));
  const sum = exact.reduce((a, b) => a + b, 0);
  const p = exact.map((value) => value / sum);

  it("are handed out, and make the light of a step whose own was not told", async () => {
    const withExact: Archive = {
      part: async (name) => {
        if (name === "manifest")
          return { ...((await archive.part(name)) as object), distribution_exact: true };
        if (name === "distribution/30") return { probabilities: { data: p, shape: [p.length] } };
        return name.startsWith("frames")
          ? { ...((await archive.part("frames/0")) as object), time: { data: [] } }
          : archive.part(name);
      },
    };
    const held = await answersOf(withExact);
    const reply = await held.answer({ kind: "get_distribution", request: 1, step: 30 });
    expect((reply as DistributionReply).probabilities.data).toBe(p);
    const moment = (await held.answer({ kind: "get_moment", request: 2, step: 30 })) as MomentReply;
    const event = moment.state.find((one): one is Distribution => one.kind === "distribution")!;
    expect([event.step, event.n_vocab, event.top_ids.data[0]]).toEqual([30, 70_000, 1]);
    expect(await held.answer({ kind: "get_distribution", request: 3, step: 31 })).toMatchObject({
      kind: "rejected",
    });
  });

  it("are listed to a 65,535th of their range, and told how far that is off", () => {
    const { values, index_low, block_counts, low, high, total_variation, codes } = listed(p, "run", 3);
    expect(codes.data).toHaveLength(0);
    expect([...block_counts.data]).toEqual([
      p.slice(0, 65_536).filter((value) => value > 0).length,
      p.slice(65_536).filter((value) => value > 0).length,
    ]);
    let variation = 0;
    values.data.forEach((value, i) => {
      const id = index_low.data[i]! + (i >= block_counts.data[0]! ? 65_536 : 0);
      variation += Math.abs(Math.exp(low + ((high - low) * value) / 65_535) - p[id]!) / 2;
    });
    expect(variation).toBeLessThan(1e-3);
    expect(total_variation).toBeCloseTo(variation, 6);
  });
});
