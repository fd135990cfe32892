import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import { STEPS } from "../../../playwright/steps";
import { ManualClock } from "../app/clock";
import { createState } from "../state/initial";
import { apply } from "../state/reduce";
import type { Frame } from "./protocol.gen";
import { openRecording, parseRecording } from "./recording_file";
import { type Recording, RecordingResources, RecordingSource } from "./replay";

const FILE = new URL("../../../playwright/fixtures/smollm2.chamber", import.meta.url);

const bytesOf = (buffer: Buffer) =>
  buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.byteLength) as ArrayBuffer;

/** Tokens of the prompt and of the answer. */
const [PROMPT, ANSWER] = [44, 72];

function framesOf(of: Recording): Frame[] {
  const frames: Frame[] = [];
  const source = new RecordingSource(of, new ManualClock(), false);
  source.start(
    (message) => message.kind === "frame" && frames.push(message),
    () => {},
  );
  while (source.feed());
  return frames;
}

let recording: Recording;

beforeAll(async () => {
  recording = await openRecording(bytesOf(readFileSync(FILE)));
});

describe("a recorded run of a real model", () => {
  it("brings its vocabulary and both layouts along", async () => {
    expect(recording.vocabulary.size).toBe(49152);
    expect([...recording.positions.keys()].sort()).toEqual(["pca", "umap"]);
    const resources = new RecordingResources(recording);
    const umap = await resources.positions("hash", "umap");
    expect(umap.points.length).toBe(3 * 49152);
    expect(umap.radius.every((r) => r > 0)).toBe(true);
    expect((await resources.vocabulary("hash")).hash).toBe("hash");
  });

  it("plays through the reducer to its end: every token once, in order", () => {
    const state = createState();
    const clock = new ManualClock(100);
    const source = new RecordingSource(recording, clock, true);
    source.start(
      (message) => apply(state, message, clock.now()),
      (connection) => {
        state.connection = connection;
      },
    );
    const steps: number[] = [];
    for (let i = 0; i < 100_000 && state.connection.message === ""; i++) {
      clock.set(100 + i / 10);
      source.advance(clock.now());
      const newest = state.tokens.at(-1);
      if (newest && newest.event.step !== steps.at(-1)) steps.push(newest.event.step);
    }
    expect(state.connection).toMatchObject({ phase: "replay", message: "This was a recorded run." });
    expect(state.run?.state?.phase).toBe("finished");
    expect(state.run!.count).toBe(state.tokens.length);
    for (let i = 0; i < state.tokens.length; i++) expect(state.tokens.at(i)!.event.step).toBe(i);
    expect(state.distribution?.event.step).toBe(state.run!.count - 1);
    expect(state.vocabulary ?? recording.vocabulary.label(state.tokens.at(0)!.event.token_id)).toBeTruthy();
  });

  it("gives its frames one by one to who asks for a step", () => {
    const state = createState();
    const source = new RecordingSource(recording, new ManualClock(), false);
    source.start(
      (message) => apply(state, message, 0),
      () => {},
    );
    source.advance(1e9);
    expect(state.model).toBeNull();
    let before = -1;
    let newest = -1;
    while (newest < 10) {
      before = newest;
      source.feed();
      newest = state.tokens.at(-1)?.event.step ?? -1;
    }
    // The frame that holds it, and none after it.
    expect(before).toBeLessThan(10);
    expect(state.tokens.length).toBe(newest + 1);
    expect(newest).toBeLessThan(13);
  });

  it("has all rows of its nine heads, those of the prompt too", () => {
    const rows = new Map<number, Set<number>>();
    for (const event of framesOf(recording).flatMap(({ state }) => state)) {
      if (event.kind !== "attention") continue;
      const known = rows.get(event.head) ?? new Set();
      rows.set(event.head, known);
      for (let row = 0; row < event.weights.shape[0]!; row++) known.add(event.query_start + row);
    }
    expect([...rows.keys()].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    const all = Array.from({ length: PROMPT + ANSWER - 1 }, (_, position) => position);
    for (const known of rows.values()) expect([...known].sort((a, b) => a - b)).toEqual(all);
  });

  it("has all there is to show at the moments that pictures are taken of", () => {
    const frames = framesOf(recording);
    for (const step of [STEPS.start, STEPS.confident, STEPS.uncertain - 1, STEPS.uncertain, STEPS.middle]) {
      const frame = frames.find(({ events }) =>
        events.some((one) => one.kind === "token" && one.step === step),
      )!;
      const newest = frame.events.findLast((one) => one.kind === "token");
      expect(newest?.step, `the newest token of the frame with ${step}`).toBe(step);
      const kinds = frame.state.map(({ kind }) => kind);
      for (const kind of ["distribution", "layers", "heads", "attention", "cache"]) {
        expect(kinds, `state with token ${step}`).toContain(kind);
      }
    }
  });

  it("is good up to its last whole chunk when it was cut off", () => {
    const bytes = bytesOf(gunzipSync(readFileSync(FILE)));
    const cut = parseRecording(bytes.slice(0, bytes.byteLength - 1000));
    expect(cut.frames.length).toBeGreaterThan(0);
    expect(cut.frames.length).toBeLessThan(recording.frames.length);
  });

  it("is refused when it is something else", async () => {
    await expect(openRecording(new TextEncoder().encode("hello there").buffer)).rejects.toThrow(
      /not a recording/,
    );
    await expect(openRecording(new TextEncoder().encode("CLDCHMB1").buffer)).rejects.toThrow(
      /empty or damaged/,
    );
  });
});
