import { beforeAll, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import { ReplayStage } from "../app/replay_stage";
import { ReplayTransport } from "../app/transport";
import { createState } from "../state/initial";
import { attentionKey } from "../state/reduce";
import type { AppState } from "../state/state";
import type { Archive } from "./archive";
import type { Manifest } from "./archive.gen";
import { LOOK_EVERY } from "./archive_growth";
import { ArchiveSource } from "./archive_source";
import type { Message } from "./protocol.gen";

/** What lay in the store at some moments of a run. */
let moments: DiskArchive[];
beforeAll(() => {
  moments = DiskArchive.recorded();
});

/** A session as a server has it: at first as it was at the first of the moments. */
class Growing implements Archive {
  readonly grows: boolean = true;
  moment = 0;
  away = false;
  readonly asked: string[] = [];

  async part(name: string): Promise<unknown> {
    this.asked.push(name);
    if (this.away) throw new Error("away");
    return moments[this.moment]!.part(name);
  }
}

class Page {
  readonly state: AppState = createState();
  readonly times: number[] = [];
  readonly steps: number[] = [];
  readonly answers: Message[] = [];
  failures = "";
  sought = 0;
  wall = 0;

  constructor(readonly source: ArchiveSource) {
    source.start(
      (message) => this.answers.push(message),
      ({ message }) => {
        this.failures += message;
      },
    );
    const stage = new ReplayStage(this.state, () => null);
    source.perform({
      sought: (past, backwards) => {
        this.sought++;
        stage.sought(past, backwards);
      },
      frame: (frame, time) => {
        this.times.push(time);
        for (const event of frame.events) if (event.kind === "token") this.steps.push(event.step);
        stage.frame(frame, time);
      },
      forget: (before) => stage.forget(before),
    });
  }

  static async open(archive: Archive): Promise<Page> {
    return new Page(await ArchiveSource.open(archive));
  }

  /** So many seconds of the page, 20 frames each. */
  async pass(seconds: number): Promise<void> {
    for (let i = 0; i < seconds * 20; i++) {
      this.wall += 1 / 20;
      this.source.advance(this.wall);
      await this.source.idle();
    }
  }
}

const looks = ({ asked }: Growing): number => asked.filter((name) => name === "manifest").length;

/** What is said of the run and of its newest moment. */
const said = ({ run, tokens, heads, cache }: AppState): unknown =>
  structuredClone([run!.count, run!.state, tokens.length, tokens.at(-1), heads, cache]);

it("plays on as the run comes, and never what it has played", async () => {
  const archive = new Growing();
  const page = await Page.open(archive);
  const { source } = page;
  source.playback.play();
  await page.pass(2);
  expect(source.time).toBe(source.manifest.seconds);
  expect(source.playback.playing).toBe(true);
  const { tokens } = new ReplayTransport(source, () => {});
  expect(tokens.count).toBe(source.manifest.steps);
  for (let moment = 1; moment < moments.length; moment++) {
    archive.moment = moment;
    const before = tokens.count;
    await page.pass(2 * LOOK_EVERY);
    expect(tokens.count).toBeGreaterThan(before);
    expect(tokens.entropy(tokens.count - 1)).toBeGreaterThan(0);
  }
  await page.pass(30);
  expect(source.manifest.complete).toBe(true);
  expect(source.playback.playing).toBe(false);
  expect(source.time).toBe(source.manifest.seconds + 1.5);
  expect(page.sought).toBe(1);
  expect(page.times).toHaveLength(source.manifest.frames);
  expect(page.times).toEqual([...page.times].sort((a, b) => a - b));
  expect(page.steps).toEqual(Array.from({ length: source.manifest.steps }, (_, i) => i));
  const whole = await Page.open(moments.at(-1)!);
  whole.source.seek(source.time);
  await whole.pass(0.2);
  expect(said(page.state)).toEqual(said(whole.state));
});

it("leaves alone what stands, and goes to what has come since", async () => {
  const archive = new Growing();
  const page = await Page.open(archive);
  const { source } = page;
  const last = source.manifest.steps - 1;
  source.seek(source.timeOf(last));
  await page.pass(1);
  const history = { kind: "get_head_history", request: 1, layer: 0, head: 0, start: 0, stop: 0 } as const;
  source.send(history);
  await page.pass(0.1);
  const [time, sought, shown] = [source.time, page.sought, said(page.state)];
  archive.moment = moments.length - 1;
  await page.pass(2 * LOOK_EVERY);
  expect([source.time, page.sought, said(page.state)]).toEqual([time, sought, shown]);
  expect(source.playback.duration).toBeGreaterThan(10);
  source.send(history);
  await page.pass(0.1);
  source.seek(source.playback.duration);
  await page.pass(0.2);
  expect(page.state.run!.count).toBe(source.manifest.steps);
  expect(page.state.run!.state!.phase).toBe("finished");
  const whole = await Page.open(moments.at(-1)!);
  whole.source.send(history);
  whole.source.seek(whole.source.playback.duration);
  await whole.pass(0.2);
  expect(page.answers).toHaveLength(2);
  expect(page.answers[1]).toEqual(whole.answers[0]);
  expect(said(page.state)).toEqual(said(whole.state));
});

it("looks only where there may be more, while it is on show, and not too often", async () => {
  const archive = new Growing();
  const page = await Page.open(archive);
  await page.pass(10);
  expect(looks(archive)).toBe(1 + Math.floor(10 / LOOK_EVERY));
  expect(new Set(archive.asked).size).toBe(archive.asked.length - Math.floor(10 / LOOK_EVERY));
  archive.moment = moments.length - 1;
  await page.pass(LOOK_EVERY + 1);
  const all = looks(archive);
  await page.pass(10);
  expect(looks(archive)).toBe(all);

  class Standing extends Growing {
    override readonly grows = false;
  }
  const standing = new Standing();
  const still = await Page.open(standing);
  still.source.playback.play();
  await still.pass(10);
  expect(looks(standing)).toBe(1);
  expect(still.source.playback.playing).toBe(false);
});

it("goes on looking when the server was away", async () => {
  const archive = new Growing();
  const page = await Page.open(archive);
  await page.pass(1);
  archive.away = true;
  await page.pass(2 * LOOK_EVERY);
  expect(page.failures).toBe("");
  archive.away = false;
  archive.moment = 2;
  await page.pass(LOOK_EVERY + 1);
  expect(page.source.manifest.steps).toBeGreaterThan(50);
});

/** A session whose run is over, while its attention is made. */
class Completing implements Archive {
  readonly grows = true;
  readonly asked: string[] = [];
  private readonly whole = DiskArchive.make();
  /** Parts of a layer's attention that are there. */
  made = 0;
  completing = true;

  async part(name: string): Promise<unknown> {
    this.asked.push(name);
    const [kind, , chunk] = name.split("/");
    if (kind === "attention" && Number(chunk) >= this.made) return null;
    const part = await this.whole.part(name);
    if (kind !== "manifest") return part;
    const { made, completing } = this;
    const known = made > 0 ? {} : { attention_layers: [] };
    return { ...(part as Manifest), ...known, completing };
  }
}

const HEAD: [number, number] = [23, 5];
const rowsOf = ({ state }: Page) => state.attention.get(attentionKey(...HEAD));
const ask = (page: Page) =>
  page.source.send({
    ...{ kind: "get_attention", request: 1, layer: HEAD[0], head: HEAD[1], mode: "head" },
    ...{ query_start: 0, query_stop: 0, key_start: 0, key_stop: 0, max_size: 256 },
  });

it("shows attention as soon as it is made, where it stands", async () => {
  const archive = new Completing();
  const page = await Page.open(archive);
  const { source } = page;
  source.send({ kind: "want", parts: [], attention: [HEAD] });
  const last = source.manifest.steps - 1;
  source.seek(source.timeOf(last));
  await page.pass(1);
  expect(rowsOf(page)).toBeUndefined();
  ask(page);
  await page.pass(0.1);
  expect(page.answers.at(-1)).toMatchObject({ kind: "rejected", message: "It comes once nothing runs." });

  // A part of it first: what is missing is asked for again when all is there.
  archive.made = 1;
  await page.pass(LOOK_EVERY + 1);
  const time = source.time;
  // It holds 64 queries: of the newest there is none.
  expect(rowsOf(page)?.query_start ?? 0).toBeLessThan(64);
  archive.made = 9;
  archive.completing = false;
  await page.pass(LOOK_EVERY + 1);
  expect(source.time).toBe(time);
  expect(source.time).toBe(source.timeOf(last));
  const whole = await Page.open(DiskArchive.make());
  whole.source.send({ kind: "want", parts: [], attention: [HEAD] });
  whole.source.seek(time);
  await whole.pass(0.2);
  expect(rowsOf(whole)).toBeDefined();
  expect(structuredClone(rowsOf(page))).toEqual(structuredClone(rowsOf(whole)));
  expect(said(page.state)).toEqual(said(whole.state));
  ask(page);
  ask(whole);
  await page.pass(0.1);
  await whole.pass(0.1);
  expect(page.answers.at(-1)!.kind).toBe("attention_reply");
  expect(structuredClone(page.answers.at(-1))).toEqual(structuredClone(whole.answers.at(-1)));

  const { length } = archive.asked;
  await page.pass(3 * LOOK_EVERY);
  expect(archive.asked, "it looks no more").toHaveLength(length);
});
