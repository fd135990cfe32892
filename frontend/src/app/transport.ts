import type { Brief, Transport } from "../hud/timeline/transport";
import { stepSelected } from "../state/reduce";
import type { AppState } from "../state/state";
import type { ArchiveSource } from "../telemetry/archive_source";

/** Option of the page: the timeline of a live run is on show. That of a replay always is. */
export const TIMELINE = "timeline.show";

/** Through a kept run. */
export class ReplayTransport implements Transport {
  readonly replay = true;
  readonly tokens: Brief;

  constructor(
    private readonly source: ArchiveSource,
    /** Something has changed. */
    private readonly changed: () => void,
  ) {
    // Of a run that goes on there is more and more.
    this.tokens = {
      get count() {
        return source.manifest.steps;
      },
      id: (step) => source.timeline.token.data[step] ?? null,
      probability: (step) => source.timeline.p.data[step] ?? Number.NaN,
      entropy: (step) => source.timeline.entropy.data[step] ?? Number.NaN,
    };
  }

  get time(): number {
    return this.source.time;
  }

  get duration(): number {
    return this.source.playback.duration;
  }

  get playing(): boolean {
    return this.source.playback.playing;
  }

  get speed(): number {
    return this.source.playback.speed;
  }

  /** Between two tokens, the share of the time that has passed. */
  get at(): number {
    const { source, time } = this;
    const step = source.stepAt(time);
    const [from, to] = [step < 0 ? 0 : source.timeOf(step), source.timeOf(step + 1)];
    const share = to > from ? Math.min((time - from) / (to - from), 1) : 0;
    return Math.min(step + 1 + share, this.tokens.count);
  }

  seek(step: number): void {
    this.source.playback.pause();
    // Tokens of one frame came at one time.
    this.source.seek(step < 0 ? 0 : this.source.timeOf(Math.min(step, this.tokens.count - 1)));
    this.changed();
  }

  /** To the next token that came at another time, or the one before. */
  step(by: number): void {
    const { source } = this;
    const now = source.stepAt(source.playback.time);
    let step = now + by;
    const time = source.timeOf(now);
    while (by < 0 && step >= 0 && source.timeOf(step) === time) step--;
    this.seek(Math.max(-1, step));
  }

  end(): void {
    this.source.playback.pause();
    this.source.seek(this.duration);
    this.changed();
  }

  toggle(): void {
    const { playback } = this.source;
    if (playback.playing) playback.pause();
    else playback.play();
    this.changed();
  }

  changeSpeed(by: number): void {
    this.source.playback.changeSpeed(by);
    this.changed();
  }
}

/** Along a live run: its past moments are pinned. */
export class LiveTransport implements Transport {
  readonly replay = false;
  readonly time = Number.NaN;
  readonly duration = Number.NaN;
  readonly playing = false;
  readonly speed = 1;
  readonly tokens: Brief;

  constructor(
    private readonly state: AppState,
    private readonly changed: () => void,
  ) {
    const past = () => state.run?.past;
    this.tokens = {
      get count() {
        return state.run?.count ?? 0;
      },
      id: (step) => past()?.id(step) ?? null,
      probability: (step) => past()?.probability(step) ?? Number.NaN,
      entropy: (step) => past()?.entropy(step) ?? Number.NaN,
    };
  }

  get at(): number {
    const { step } = this.state.selection;
    return step === null ? this.tokens.count : step + 1;
  }

  seek(step: number): void {
    const newest = this.tokens.count - 1;
    if (newest < 0) return;
    stepSelected(this.state, step >= newest ? null : Math.max(0, step));
    this.changed();
  }

  toggle(): void {}

  changeSpeed(): void {}
}
