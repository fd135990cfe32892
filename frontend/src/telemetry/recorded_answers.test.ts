import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import type { Asked } from "../state/requests";
import { halfToFloat } from "./half";
import type {
  AttentionWeights,
  Frame,
  HeadSummary,
  MemoryUsage,
  Message,
  TokenGenerated,
} from "./protocol.gen";
import { openRecording } from "./recording_file";
import { RecordingSource } from "./replay";

const file = new URL("../../../playwright/fixtures/smollm2.chamber", import.meta.url);
const still = { now: () => 0 };

let source: RecordingSource;
const heard: Message[] = [];
const frames: Frame[] = [];

/** The message that comes back at once. */
function ask<K extends Message["kind"]>(asked: Asked, _kind: K): Extract<Message, { kind: K }> {
  source.send({ ...asked, request: 7 } as never);
  const reply = heard.at(-1)!;
  expect((reply as { request: number }).request).toBe(7);
  return reply as Extract<Message, { kind: K }>;
}

const events = () => frames.flatMap((frame) => [...frame.events, ...frame.state]);
const tokens = () => events().filter((event): event is TokenGenerated => event.kind === "token");

/** The reading of the memory that stood when each token had come. */
function memoryBySteps(): Map<number, MemoryUsage> {
  const found = new Map<number, MemoryUsage>();
  let standing: MemoryUsage | undefined;
  for (const frame of frames) {
    standing = frame.state.find((event) => event.kind === "memory") ?? standing;
    for (const event of frame.events) if (event.kind === "token" && standing) found.set(event.step, standing);
  }
  return found;
}

beforeAll(async () => {
  const recording = await openRecording(new Uint8Array(readFileSync(file)).buffer);
  source = new RecordingSource(recording, still, false);
  source.start(
    (message) => {
      heard.push(message);
      if (message.kind === "frame") frames.push(message);
    },
    () => {},
  );
  while (source.feed());
});

describe("a recording", () => {
  it("answers with its tokens", () => {
    const reply = ask({ kind: "get_tokens", start: 2, stop: 5 }, "tokens_reply");
    expect(reply.tokens).toEqual(tokens().slice(2, 5));
    expect(ask({ kind: "get_tokens", start: 0, stop: 0 }, "tokens_reply").tokens).toHaveLength(
      tokens().length,
    );
  });

  it("brings back a moment: what it recorded of that step and its position, and nothing else", () => {
    let whole = 0;
    const memories = memoryBySteps();
    expect(new Set(memories.values()).size).toBeGreaterThan(2);
    for (const token of tokens()) {
      const reply = ask({ kind: "get_moment", step: token.step }, "moment_reply");
      if ((reply as Message).kind === "rejected") continue;
      for (const event of reply.state) {
        if (event.kind === "distribution") expect(event.step).toBe(token.step);
        else if (event.kind === "cache") expect(Math.max(...event.seq_len.data)).toBe(token.position);
        else if (event.kind === "memory") expect(event).toBe(memories.get(token.step));
        else expect((event as HeadSummary).position).toBe(token.position - 1);
      }
      expect(reply.state.filter(({ kind }) => kind === "memory")).toHaveLength(
        memories.has(token.step) ? 1 : 0,
      );
      if (reply.state.length >= 5) whole++;
    }
    expect(whole).toBeGreaterThan(tokens().length / 3);
    expect(ask({ kind: "get_moment", step: 100_000 }, "rejected").message).toBe(
      "The recording does not hold that.",
    );
  });

  it("answers with attention it recorded, as it was", () => {
    const row = events().findLast((event): event is AttentionWeights => event.kind === "attention")!;
    const { layer, head, query_start: position } = row;
    const expected = Float32Array.from(row.weights.data.subarray(0, position + 1), halfToFloat);
    const flow = ask({ kind: "get_flow", position, mode: "head", layer, head }, "flow_reply");
    expect(flow.weights.data).toEqual(expected);
    const range = { query_start: position, query_stop: position + 1, key_start: 0, key_stop: 0 };
    const asked = { kind: "get_attention", layer, head, mode: "head", ...range } as const;
    const exact = ask({ ...asked, max_size: 512 }, "attention_reply");
    expect(exact.weights.data).toEqual(expected);
    const small = ask({ ...asked, max_size: 4 }, "attention_reply");
    expect(small.weights.shape).toEqual([1, Math.ceil((position + 1) / small.key_block)]);
    small.weights.data.forEach((cell, i) => {
      expect(cell).toBe(Math.max(...expected.slice(i * small.key_block, (i + 1) * small.key_block)));
    });
    expect(ask({ ...asked, layer: 29, head: 8, max_size: 4 }, "rejected").kind).toBe("rejected");
    expect(ask({ kind: "get_flow", position, mode: "rollout", layer, head }, "rejected").kind).toBe(
      "rejected",
    );
  });

  it("tells a head's history where it has it", () => {
    const reply = ask(
      { kind: "get_head_history", layer: 3, head: 5, start: 0, stop: 0 },
      "head_history_reply",
    );
    const known = events().filter((event): event is HeadSummary => event.kind === "heads");
    for (const event of known) {
      if (event.position >= reply.entropy.data.length) continue;
      expect(reply.entropy.data[event.position]).toBe(event.entropy.data[3 * event.entropy.shape[1]! + 5]);
    }
    expect(reply.entropy.data.filter((value) => !Number.isNaN(value)).length).toBeGreaterThan(
      known.length / 2,
    );
  });
});
