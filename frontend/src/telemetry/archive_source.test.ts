import { beforeAll, describe, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import { ReplayStage } from "../app/replay_stage";
import { createState } from "../state/initial";
import { apply } from "../state/reduce";
import type { AppState } from "../state/state";
import { ArchiveSource } from "./archive_source";
import type { Message } from "./protocol.gen";

const HEAD: [number, number] = [23, 5];

interface Shown {
  readonly source: ArchiveSource;
  readonly state: AppState;
  readonly told: Message[];
  /** Waits for the parts and shows the present time. */
  settle(): Promise<void>;
}

let archive: DiskArchive;
beforeAll(() => {
  archive = DiskArchive.make();
});

async function open(): Promise<Shown> {
  const source = await ArchiveSource.open(archive);
  const state = createState();
  const told: Message[] = [];
  source.start(
    (message) => {
      told.push(message);
      apply(state, message, Number.NEGATIVE_INFINITY);
    },
    () => {},
  );
  source.perform(new ReplayStage(state, () => null));
  source.send({ kind: "want", parts: [], attention: [HEAD] });
  const settle = async () => {
    for (let i = 0; i < 100 && !source.settled; i++) {
      source.advance(0);
      await source.idle();
    }
    expect(source.settled).toBe(true);
  };
  return { source, state, told, settle };
}

/** All of the state that is drawn from, without what names objects. */
function picture(state: AppState): unknown {
  const { run, tokens, distribution, distributions, heads, layers, cache, memory, attention, sampled } =
    state;
  const rows = Array.from({ length: tokens.length }, (_, i) => tokens.at(i)!);
  const light = Array.from({ length: distributions.length }, (_, i) => distributions.at(i)!);
  const entropies = rows.map(({ event }) => run!.past.entropy(event.step));
  const newest = light.slice(-3).map(({ event, arrived }) => [event.step, arrived, event.values.data.length]);
  const model = state.model?.name;
  const { prefill, count, state: phase } = run!;
  const { event } = distribution ?? { event: null };
  return structuredClone({
    ...{
      model,
      prefill,
      count,
      phase,
      rows,
      entropies,
      newest,
      event,
      sampled,
      heads,
      layers,
      cache,
      memory,
    },
    attention: [...attention],
  });
}

/** Goes on as the page does, `fps` frames a second, until a time. */
async function play(shown: Shown, until: number, fps: number): Promise<void> {
  const { source } = shown;
  await shown.settle();
  let wall = 0;
  source.playback.play();
  while (source.playback.time < until) {
    wall += Math.min(1 / fps, until - source.playback.time);
    source.advance(wall);
    await source.idle();
  }
  source.playback.pause();
  expect(source.time).toBeCloseTo(until, 9);
}

describe("a time of a kept run", () => {
  it("is the same by playing up to it, from before it and from after it", async () => {
    const played = await open();
    const { duration } = played.source.playback;
    expect(duration).toBeGreaterThan(2);
    for (const share of [0.15, 0.5, 0.9]) {
      const time = duration * share;
      const [there, before, after, faster] = [await open(), await open(), await open(), await open()];
      await play(there, time, 60);
      await play(faster, time, 7);
      before.source.seek(time);
      await before.settle();
      after.source.seek(duration);
      await after.settle();
      after.source.seek(time);
      await after.settle();
      // The very last bit of a time that was added up may differ.
      for (const one of [there, faster]) {
        one.source.seek(time);
        expect(one.source.time).toBeCloseTo(time, 9);
      }
      expect(picture(before.state)).toEqual(picture(there.state));
      expect(picture(after.state)).toEqual(picture(there.state));
      expect(picture(faster.state)).toEqual(picture(there.state));
    }
  });

  it("has the attention of the heads that are looked at", async () => {
    const shown = await open();
    shown.source.seek(shown.source.timeOf(40));
    await shown.settle();
    const row = shown.state.attention.get(`${HEAD[0]}/${HEAD[1]}`)!;
    const token = shown.state.tokens.at(-1)!.event;
    expect(row.query_start).toBe(token.position - 1);
    expect(row.weights.shape).toEqual([1, token.position]);
    shown.source.send({ kind: "want", parts: [], attention: [HEAD, [23, 0]] });
    await shown.settle();
    expect([...shown.state.attention.keys()].sort()).toEqual(["23/0", "23/5"]);
  });

  it("goes token by token both ways", async () => {
    const { source, state, settle } = await open();
    for (const step of [10, 11, 12, 11, 10, 9]) {
      source.seek(source.timeOf(step));
      await settle();
      // Tokens of one frame came at one time.
      expect(state.tokens.at(-1)!.event.step).toBe(source.stepAt(source.timeOf(step)));
      expect(state.run!.count).toBe(state.tokens.at(-1)!.event.step + 1);
    }
  });

  it("plays to the end at any speed, and from the beginning again", async () => {
    const { source, state, settle } = await open();
    await settle();
    source.playback.speed = 8;
    source.playback.play();
    for (let wall = 0; source.playback.playing && wall < 60; wall += 0.05) {
      source.advance(wall);
      await source.idle();
    }
    expect(source.settled).toBe(true);
    expect(state.run!.count).toBe(source.manifest.steps);
    expect(state.run!.state!.phase).toBe(source.manifest.finished!.phase);
    source.playback.play();
    expect(source.playback.time).toBe(0);
    source.advance(100);
    expect(state.run!.count).toBeLessThan(5);
  });

  it("says why it can't be shown, and tries again when told", async () => {
    const source = await ArchiveSource.open({
      part: (name) => (name.startsWith("frames") ? Promise.reject(new Error("gone")) : archive.part(name)),
    });
    const said: string[] = [];
    source.start(
      () => {},
      ({ refused = "", message }) => said.push(`${refused}: ${message}`),
    );
    source.perform(new ReplayStage(createState(), () => null));
    source.advance(0);
    await source.idle();
    expect(said.at(-1)).toBe("Part of the session can't be had: gone");
    source.retryNow();
    expect(said.at(-1)).toBe(": ");
  });
});

describe("a session that is deleted while it is on show", () => {
  it("stays as it was, says so, and goes on should it come back", async () => {
    let deleted = false;
    const source = await ArchiveSource.open({ part: async (name) => (deleted ? null : archive.part(name)) });
    const said: string[] = [];
    source.start(
      () => {},
      ({ refused = "", message }) => said.push(`${refused}: ${message}`),
    );
    const state = createState();
    source.perform(new ReplayStage(state, () => null));
    const settle = async () => {
      for (let i = 0; i < 9; i++) {
        source.advance(0);
        await source.idle();
      }
    };
    await settle();
    deleted = true;
    source.seek(source.playback.duration);
    await settle();
    expect(said.at(-1)).toMatch(/^Part of the session can't be had: .* was deleted/);
    expect(source.time).toBe(0);
    const count = state.run!.count;
    expect(count).toBeLessThan(5);
    deleted = false;
    await settle();
    expect(state.run!.count).toBe(count);
    source.retryNow();
    await settle();
    expect(said.at(-1)).toBe(": ");
    expect(state.run!.count).toBe(source.manifest.steps);
  });
});

it("refuses a session that is not there, or of another format", async () => {
  await expect(ArchiveSource.open({ part: async () => null })).rejects.toThrow("no such session");
  const other = {
    part: async (name: string) => ({ ...((await archive.part(name)) as object), format: 2 }),
  };
  await expect(ArchiveSource.open(other)).rejects.toThrow("format 2");
});
