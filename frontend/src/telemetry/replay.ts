import type { Clock } from "../app/clock";
import { isQuestion } from "../state/requests";
import type { Connection } from "../state/state";
import type { Vocabulary } from "../state/vocabulary";
import type { Command, Message } from "./protocol.gen";
import { RecordedAnswers } from "./recorded_answers";
import type { FoundModel, PositionMethod, Positions, Resources } from "./resources";
import type { FrameSource } from "./source";

/** A recorded run, read whole. */
export interface Recording {
  readonly vocabulary: Vocabulary;
  readonly positions: ReadonlyMap<PositionMethod, Positions>;
  /** In order; `time` in seconds from the first. */
  readonly frames: readonly RecordedFrame[];
}

export interface RecordedFrame {
  readonly time: number;
  /** Decodes anew at each call: views of the recording's bytes. */
  message(): Message;
}

/** A recording as a source of frames: at its own pace, or by the step a test asks for. */
export class RecordingSource implements FrameSource {
  private sink: (message: Message) => void = () => {};
  private status: (connection: Connection) => void = () => {};
  private readonly answers = new RecordedAnswers();
  private next = 0;
  private startedAt = Number.NaN;

  constructor(
    private readonly recording: Recording,
    private readonly clock: Clock,
    /** False: nothing comes but by `feed`. */
    private readonly ownPace: boolean,
  ) {}

  start(sink: (message: Message) => void, status: (connection: Connection) => void): void {
    this.sink = sink;
    this.status = status;
    this.rewind();
  }

  rewind(): void {
    this.next = 0;
    this.answers.clear();
    this.startedAt = this.clock.now();
    this.status({ phase: "replay", retryAt: 0, message: "" });
  }

  /** Passes on what is due by now. Call once per animation frame. */
  advance(now: number): void {
    if (!this.ownPace) return;
    while (this.next < this.recording.frames.length && this.startedAt + this.nextTime() <= now) this.feed();
  }

  /** Time of the next frame, in seconds from the recording's first; infinite at the end. */
  nextTime(): number {
    return this.recording.frames[this.next]?.time ?? Number.POSITIVE_INFINITY;
  }

  /** Passes on the next frame. Null at the end. */
  feed(): Message | null {
    const frame = this.recording.frames[this.next];
    if (!frame) return null;
    this.next++;
    const message = frame.message();
    this.answers.take(message);
    this.sink(message);
    if (this.next === this.recording.frames.length && this.ownPace) {
      this.status({ phase: "replay", retryAt: 0, message: "This was a recorded run." });
    }
    return message;
  }

  /** A recording answers what it holds of what was played, and takes no other commands. */
  send(command: Command): void {
    if (isQuestion(command)) this.sink(this.answers.answer(command));
  }

  retryNow(): void {}

  close(): void {
    this.next = this.recording.frames.length;
  }
}

/** What a recording brings along instead of a server. */
export class RecordingResources implements Resources {
  constructor(private readonly recording: Recording) {}

  async vocabulary(hash: string): Promise<Vocabulary> {
    return { ...this.recording.vocabulary, hash };
  }

  async positions(hash: string, method: PositionMethod): Promise<Positions> {
    const positions = this.recording.positions.get(method);
    if (!positions) throw new Error(`The recording holds no ${method.toUpperCase()} positions.`);
    return { ...positions, hash };
  }

  async models(): Promise<readonly FoundModel[]> {
    return [];
  }
}
