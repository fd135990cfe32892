import { isQuestion } from "../state/requests";
import type { Connection } from "../state/state";
import { type Archive, PartCache } from "./archive";
import {
  type Attention,
  FORMAT,
  type FrameChunk,
  type Frames,
  type Manifest,
  type Timeline,
  TOKENS_PER_PART,
} from "./archive.gen";
import { ArchiveAnswers } from "./archive_answers";
import { attentionEvent, attentionNames } from "./archive_attention";
import { frameOf } from "./archive_frames";
import { ArchiveGrowth } from "./archive_growth";
import { ArchiveStanding } from "./archive_standing";
import { lastNotAfter, type PastRun, pastRun, tokenNames } from "./past_run";
import { Playback } from "./playback";
import type { Command, Frame, Message, StateEvent, TelemetryEvent } from "./protocol.gen";
import { Retold } from "./retold";
import type { FrameSource } from "./source";

/** Seconds after the last frame, in which what it set in motion comes to rest. */
const SETTLING = 1.5;

/** What a replay plays to. */
export interface Stage {
  /** The run is elsewhere; `backwards` when it is before what was played last. */
  sought(past: PastRun, backwards: boolean): void;
  /** What happened at a time of the run. */
  frame(frame: Frame, time: number): void;
  /** What was shown before a time of the run counts no more. */
  forget(before: number): void;
}

/**
 * A kept run as a source of frames. Unlike a stream it knows its times: it plays to a stage, and wherever it
 * is told to go, it plays the last second or two before again, so that what is shown of a time is always the
 * same, however one came there.
 */
export class ArchiveSource implements FrameSource {
  readonly playback: Playback;
  private sink: (message: Message) => void = () => {};
  private stage: Stage | null = null;
  private readonly answers: ArchiveAnswers;
  private readonly growth: ArchiveGrowth;
  private readonly standing = new ArchiveStanding();
  private readonly retold = new Retold();
  /** Chunk that is played, and its next frame. */
  private chunk = 0;
  private next = 0;
  /** Time that is on show; NaN before the first. */
  private shownTime = Number.NaN;
  /** What is on show is not what is asked for. */
  private stale = true;
  /** Nothing that was told before counts: there is more to tell of it. */
  private anew = false;
  private heads: readonly (readonly [number, number])[] = [];
  /** Token parts that were asked for ahead. */
  private warmed = 0;
  private fetching: Promise<unknown> | null = null;

  private constructor(
    public manifest: Manifest,
    public timeline: Timeline,
    readonly parts: PartCache,
    private readonly archive: Archive,
  ) {
    this.playback = new Playback(0);
    this.answers = new ArchiveAnswers(this, parts);
    this.growth = new ArchiveGrowth(parts, (manifest, timeline) => this.take(manifest, timeline));
    this.take(manifest, timeline);
  }

  /** Rejects with a sentence when the archive can't be replayed. */
  static async open(archive: Archive, signal?: AbortSignal): Promise<ArchiveSource> {
    const parts = new PartCache(archive, signal);
    const [manifest, timeline] = await Promise.all([parts.load("manifest"), parts.load("timeline")]);
    if (!manifest || !timeline) throw new Error("There is no such session.");
    const told = manifest as Manifest;
    if (told.format !== FORMAT) {
      throw new Error(`The session is of format ${told.format}, and this page reads ${FORMAT}.`);
    }
    if (told.frame_chunks.length === 0) throw new Error("The session holds nothing yet.");
    return new ArchiveSource(told, timeline as Timeline, parts, archive);
  }

  start(sink: (message: Message) => void, status: (connection: Connection) => void): void {
    this.sink = sink;
    this.standing.begin(status, this.archive.watch, sink, () => this.playback.pause());
  }

  /** Everything is played to `stage`. */
  perform(stage: Stage): void {
    this.stage = stage;
    this.stale = true;
  }

  /** Time of the token of a step, or of the nearest there is. */
  timeOf(step: number): number {
    const { data } = this.timeline.time;
    return data[Math.min(Math.max(step, 0), data.length - 1)] ?? 0;
  }

  /** Newest step at a time; -1 before the first. */
  stepAt(time: number): number {
    const { data } = this.timeline.time;
    return lastNotAfter(data.length, (i) => data[i]!, time);
  }

  seek(time: number): void {
    this.playback.seek(time);
    this.stale = true;
    // What is not here is on its way before the next frame.
    this.fetch(this.namesAt(this.playback.time));
  }

  /** On to a time: from what is on show where that is near, which is cheaper than seeking and shows the same. */
  goTo(time: number): void {
    const chunk = this.chunkAt(time);
    const near = time >= this.shownTime && chunk <= this.chunk + 1;
    if (this.stale || !near || !this.here(this.namesOf(chunk))) this.seek(time);
    else this.playback.seek(time);
  }

  /** Time that is on show. */
  get time(): number {
    return Number.isNaN(this.shownTime) ? 0 : this.shownTime;
  }

  /** What is asked for is on show. */
  get settled(): boolean {
    return !this.stale && this.shownTime === this.playback.time;
  }

  /** More of it is to come: of the run itself, or of what is made of it afterwards. */
  get unfinished(): boolean {
    const { complete, completing } = this.manifest;
    return this.archive.grows === true && (!complete || completing);
  }

  /** Resolves when what is being fetched is here. */
  async idle(): Promise<void> {
    while (this.fetching) await this.fetching;
    await this.growth.idle();
    await this.answers.idle();
  }

  /** Brings the stage to where the playback is by now. True if something has changed. */
  advance(wall: number): boolean {
    const { stage, playback } = this;
    if (!stage) return false;
    if (this.unfinished && !this.standing.over) this.growth.look(wall, this.manifest);
    if (this.stale) {
      playback.advance(wall, playback.time);
      return this.rebuild(stage);
    }
    playback.advance(wall, this.horizon());
    if (playback.time < this.shownTime) {
      this.stale = true;
      return this.rebuild(stage);
    }
    const moved = playback.time !== this.shownTime;
    this.feed(stage);
    if (playback.playing) this.fetch(this.namesOf(Math.min(this.chunk + 1, this.chunks.length - 1)));
    if (!this.fetching) this.fetchTokens();
    return moved;
  }

  send(command: Command): void {
    if (isQuestion(command)) void this.answers.answer(command).then((message) => this.sink(message));
    else if (command.kind === "want") this.want(command.attention);
  }

  retryNow(): void {
    this.standing.retry();
  }

  close(): void {
    this.stage = null;
    this.standing.close();
  }

  // ------------------------------------------------------------------------------ inside

  private get chunks(): readonly FrameChunk[] {
    return this.manifest.frame_chunks;
  }

  /** What there is of the run by now. */
  private take(manifest: Manifest, timeline: Timeline): void {
    const before = this.manifest;
    this.manifest = manifest;
    this.timeline = timeline;
    const growing = this.archive.grows === true && !manifest.complete;
    this.playback.growing = growing;
    if (
      manifest.attention_layers.length !== before.attention_layers.length ||
      manifest.completing !== before.completing
    ) {
      // What is on show is told again with it, and whoever was refused asks again.
      this.anew = true;
      this.stale = true;
    }
    // Time that is still to be filled is not shown as if nothing had happened in it.
    this.playback.duration = manifest.seconds + (growing ? 0 : SETTLING);
  }

  /** Heads that come on show get their rows at once. */
  private want(heads: readonly (readonly [number, number])[]): void {
    const before = new Set(this.heads.map(String));
    this.heads = heads;
    const fresh = heads.some(
      (one) => !before.has(String(one)) && this.manifest.attention_layers.includes(one[0]),
    );
    if (fresh) this.stale = true;
  }

  private chunkAt(time: number): number {
    return Math.max(
      0,
      lastNotAfter(this.chunks.length, (i) => this.chunks[i]![4], time),
    );
  }

  /** What one chunk needs to be played. */
  private namesOf(chunk: number): string[] {
    const [, , firstStep, steps] = this.chunks[chunk]!;
    const layers = [...new Set(this.heads.map(([layer]) => layer))];
    const { position } = this.timeline;
    const first = (position.data[firstStep] ?? 0) - 2;
    const last = (position.data[firstStep + steps - 1] ?? 0) - 1;
    return [`frames/${chunk}`, ...attentionNames(this.manifest, layers, first, last)];
  }

  /** What a time needs to be shown. */
  private namesAt(time: number): string[] {
    const chunk = this.chunkAt(time);
    const first = Math.max(0, chunk - 1);
    const before = tokenNames(this.chunks[first]![2]);
    return [...new Set([...before, ...this.namesOf(first), ...this.namesOf(chunk)])];
  }

  /** Tokens are small, and needed wherever one goes: they are fetched while nothing else is. */
  private fetchTokens(): void {
    if (this.warmed * TOKENS_PER_PART < this.manifest.steps) this.fetch([`tokens/${this.warmed++}`]);
  }

  /** How far the parts are here, in seconds. */
  private horizon(): number {
    const { chunks, chunk } = this;
    const next = chunks[chunk + 1];
    if (!next) return this.playback.duration;
    return this.here(this.namesOf(chunk + 1)) ? (chunks[chunk + 2]?.[4] ?? this.playback.duration) : next[4];
  }

  private here(names: readonly string[]): boolean {
    return names.every((name) => {
      const part = this.parts.peek(name);
      return part !== undefined && !isLost(name, part);
    });
  }

  private fetch(names: readonly string[]): void {
    if (this.fetching || !this.standing.well || this.here(names)) return;
    const all = Promise.all(names.map((name) => this.parts.load(name)));
    this.fetching = all.then(
      (parts) => {
        this.fetching = null;
        if (!parts.some((part, i) => isLost(names[i]!, part))) return;
        this.parts.forgetMissing();
        this.standing.failed(new Error(LOST));
      },
      (error: unknown) => {
        this.fetching = null;
        this.standing.failed(error);
      },
    );
  }

  /** Plays what is before the present time again, from the beginning of the chunk before. */
  private rebuild(stage: Stage): boolean {
    const { time } = this.playback;
    const first = Math.max(0, this.chunkAt(time) - 1);
    const names = this.namesAt(time);
    if (!this.here(names)) {
      this.fetch(names);
      return false;
    }
    this.stale = false;
    this.retold.clear();
    const backwards = this.anew || !(time >= this.shownTime);
    this.anew = false;
    stage.sought(pastRun(this, first), backwards);
    this.chunk = first;
    this.next = 0;
    this.feed(stage);
    return true;
  }

  /** Plays all frames up to the present time. */
  private feed(stage: Stage): void {
    const { time } = this.playback;
    for (;;) {
      const part = this.parts.peek(`frames/${this.chunk}`) as Frames | null | undefined;
      if (!part) break;
      const times = part.time.data;
      while (this.next < times.length && times[this.next]! <= time) this.play(stage, part, this.next++);
      if (this.next < times.length || this.chunk + 1 >= this.chunks.length) break;
      if (this.chunks[this.chunk + 1]![4] > time || !this.here(this.namesOf(this.chunk + 1))) break;
      stage.forget(this.chunks[this.chunk]![4]);
      this.chunk++;
      this.next = 0;
    }
    this.shownTime = time;
  }

  private play(stage: Stage, part: Frames, index: number): void {
    const frame = frameOf(part, index);
    const state = this.retold.news(frame.state as readonly StateEvent[], index === 0);
    const events = frame.events.filter(({ kind }) => !ONCE.has(kind));
    const rows = this.rowsWith(events);
    stage.frame({ ...frame, events, state: [...state, ...rows] }, part.time.data[index]!);
  }

  /** Attention of the queries that made these tokens, of the heads on show. */
  private rowsWith(events: readonly TelemetryEvent[]): TelemetryEvent[] {
    const rows: TelemetryEvent[] = [];
    for (const event of events) {
      if (event.kind !== "token") continue;
      const query = event.position - 1;
      for (const [layer, head] of this.heads) {
        const [name] = attentionNames(this.manifest, [layer], query, query);
        const part = name && (this.parts.peek(name) as Attention | null | undefined);
        const row = part && attentionEvent(part, event.run_id, layer, head, query);
        if (row) rows.push(row);
      }
    }
    return rows;
  }
}

const LOST = "It is not there any more: the session was deleted, or is damaged.";

/** A session that is there has all the frames and tokens that its manifest counts; of attention, some. */
function isLost(name: string, part: unknown): boolean {
  return part === null && !name.startsWith("attention/");
}

/** Told once, when the session opens. */
const ONCE: ReadonlySet<string> = new Set(["model_loaded", "run_started", "positions_ready"]);
