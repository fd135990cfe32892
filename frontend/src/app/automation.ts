import type { AppState } from "../state/state";
import type { ArchiveSource } from "../telemetry/archive_source";
import { type FrameSource, recordingOf } from "../telemetry/source";
import type { App } from "./app";
import type { ManualClock } from "./clock";

/** What a test or a bench sees of the page. */
export interface Snapshot {
  readonly phase: string;
  readonly connection: string;
  readonly model: string;
  readonly vocabularySize: number;
  readonly positions: string;
  readonly runId: string;
  readonly tokens: number;
  readonly step: number;
  readonly text: string;
  readonly entropy: number;
  readonly distributionStep: number;
  readonly problem: string;
  readonly view: string;
}

/** Numbers measured since the last `resetMetrics`; times in milliseconds. */
export interface MetricsReport {
  readonly script: readonly number[];
  readonly interval: readonly number[];
  readonly latency: readonly number[];
  readonly drawn: readonly number[];
  readonly inPage: readonly number[];
  readonly frames: number;
  readonly received: number;
  readonly rebuilds: number;
  readonly dropped: number;
  readonly skipped: number;
}

/**
 * The page for programs: `window.chamber`. With `?clock=manual` nothing moves and nothing is
 * drawn unless told here; with `?recording=URL` the data is that file's.
 */
export interface Chamber {
  /** The page's clock, in seconds. Setting it needs `?clock=manual`. */
  now(): number;
  setTime(seconds: number): void;
  /**
   * Feeds the recording up to the token `step` and what came with it; the clock moves along.
   * Nothing is drawn meanwhile. Returns the clock.
   */
  seek(step: number): Promise<number>;
  /** A kept session stands at `seconds` of its run; resolves when all of that is here, drawn or not. */
  showTime(seconds: number): Promise<void>;
  /** What there is of a kept session. */
  session(): { readonly duration: number; readonly steps: number };
  /** Stand at `seconds` of a kept session; milliseconds until the frame that shows it is with the GPU. */
  timeSeek(seconds: number): Promise<number>;
  /** Until all that belongs to what a kept session shows is here. */
  showNow(): Promise<void>;
  /** A kept session has played on for `seconds`, drawn `rate` times a second. */
  playFor(seconds: number, rate?: number): Promise<void>;
  /** All that is left of the recording. */
  finish(): Promise<number>;
  /** Until model, vocabulary, positions and GPU are there. */
  ready(): Promise<void>;
  /** Draw one frame and wait for the GPU to finish it. */
  render(): Promise<void>;
  snapshot(): Snapshot;
  state(): AppState;
  metrics(): MetricsReport;
  resetMetrics(): void;
  /** Lose the GPU device, as a driver that crashes would. */
  loseDevice(): void;
}

declare global {
  interface Window {
    chamber?: Chamber;
  }
}

export function automationOf(app: App, source: FrameSource, clock: ManualClock | null): Chamber {
  const recording = recordingOf(source);
  const manual = (): ManualClock => {
    if (!clock) throw new Error("This needs ?clock=manual.");
    return clock;
  };

  /** Feed recorded frames while `wanted`, each at its own time on the clock. */
  async function feed(wanted: () => boolean): Promise<number> {
    if (!recording) throw new Error("This needs ?recording=URL.");
    const time = manual();
    while (wanted() && recording.nextTime() < Number.POSITIVE_INFINITY) {
      time.set(Math.max(time.now(), recording.nextTime()));
      recording.feed();
      app.drain();
      await settle();
    }
    return time.now();
  }

  /** What the state names is fetched from memory: a few turns of the event loop. */
  async function settle(): Promise<void> {
    for (let i = 0; i < 20; i++) {
      app.fetch();
      if (app.settled) return;
      await new Promise((done) => setTimeout(done, 0));
    }
  }

  /** Until what is shown is what was asked for, and so are all answers. */
  async function settled(replay: ArchiveSource): Promise<void> {
    for (;;) {
      if (clock) app.tick();
      await replay.idle();
      if (replay.settled && !app.busy) return;
      await new Promise((done) => setTimeout(done, 0));
    }
  }

  function replayed(): ArchiveSource {
    if (!app.replay) throw new Error("This needs ?session=ID.");
    return app.replay;
  }

  return {
    async showTime(seconds) {
      const replay = replayed();
      replay.playback.pause();
      replay.seek(seconds);
      await settled(replay);
    },
    session() {
      const { playback, manifest } = replayed();
      return { duration: playback.duration, steps: manifest.steps };
    },
    async timeSeek(seconds) {
      const replay = replayed();
      const begin = performance.now();
      replay.playback.pause();
      replay.seek(seconds);
      const { frames } = app.metrics;
      while (!replay.settled || app.metrics.frames === frames) await new Promise(requestAnimationFrame);
      return performance.now() - begin;
    },
    showNow: () => settled(replayed()),
    async playFor(seconds, rate = 60) {
      const replay = replayed();
      const time = manual();
      await settled(replay);
      const until = replay.playback.time + seconds;
      replay.playback.play();
      while (replay.playback.time < until && replay.playback.playing) {
        const left = (until - replay.playback.time) / replay.playback.speed;
        // A sum of steps misses its end by a rounding: the last one is set.
        if (left < 1e-6) replay.playback.time = until;
        const step = left < 1e-6 ? 0 : Math.min(1 / rate, left - 1e-7);
        time.set(time.now() + step);
        app.tick();
        await replay.idle();
      }
      replay.playback.pause();
      app.touch();
      await settled(replay);
    },
    now: () => app.clock.now(),
    setTime: (seconds) => manual().set(seconds),
    seek: (step) => feed(() => (app.state.tokens.at(-1)?.event.step ?? -1) < step),
    finish: () => feed(() => true),
    async ready() {
      while (!app.settled) {
        if (clock) app.tick();
        await new Promise((done) => setTimeout(done, 20));
      }
    },
    async render() {
      app.tick();
      await app.graphics.picture?.idle();
    },
    snapshot: () => snapshotOf(app),
    state: () => app.state,
    metrics: () => reportOf(app),
    resetMetrics: () => app.metrics.reset(),
    loseDevice: () => app.graphics.picture?.loseDevice(),
  };
}

function snapshotOf({ state }: App): Snapshot {
  const newest = state.tokens.at(-1)?.event;
  let text = "";
  for (let i = 0; i < state.tokens.length; i++) text += state.tokens.at(i)!.event.token_text;
  return {
    phase: state.run?.state?.phase ?? "",
    connection: state.connection.phase,
    model: state.model?.name ?? "",
    vocabularySize: state.vocabulary?.size ?? 0,
    positions: state.positions?.method ?? "",
    runId: state.run?.started.run_id ?? "",
    tokens: state.run?.count ?? 0,
    step: newest?.step ?? -1,
    text,
    entropy: newest?.entropy ?? Number.NaN,
    distributionStep: state.distribution?.event.step ?? -1,
    problem: state.problem?.message ?? "",
    view: state.view,
  };
}

function reportOf({ metrics, state }: App): MetricsReport {
  return {
    script: metrics.script.toArray(),
    interval: metrics.interval.toArray(),
    latency: metrics.latency.toArray(),
    drawn: metrics.drawn.toArray(),
    inPage: metrics.inPage.toArray(),
    frames: metrics.frames,
    received: metrics.received,
    rebuilds: metrics.rebuilds,
    dropped: state.dropped,
    skipped: state.skipped,
  };
}
