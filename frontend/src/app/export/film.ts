import { ArchiveSource } from "../../telemetry/archive_source";
import { SteeredClock } from "../clock";
import { type Container, FilmWriter, frameOf } from "./film_writer";
import { canvasSizeFor, even, framesOf, type Pixels, refusal, type Stretch } from "./sizes";
import { ExportError, pictureOf, type Studio } from "./studio";

/** Looks at what is asked for while a frame is drawn; more than a few answers never wait for one another. */
const MOST_LOOKS = 8;
/** Frames of a live film that may wait for the encoder; more are left out. */
const MOST_WAITING = 3;

/** Which part of a replay is filmed, and how. */
export interface Take extends Stretch {
  readonly pixels: Pixels;
  readonly container: Container;
}

export interface Film {
  readonly blob: Blob;
  readonly frames: number;
  readonly codec: string;
}

/** Called with the frames done and the frames there will be. */
export type Progress = (done: number, all: number) => void;

/**
 * Films a stretch of a replay, frame by frame: each is drawn at its own time on the clock, however long that
 * takes, with all it shows fetched. The page's canvas stands still meanwhile and goes on where it was.
 */
export async function filmReplay(
  studio: Studio,
  take: Take,
  progress: Progress,
  signal: AbortSignal,
): Promise<Film> {
  const { source, clock } = studio;
  const pixels = even(take.pixels);
  const refused = refusal(pixels);
  if (refused) throw new ExportError(refused);
  if (!(source instanceof ArchiveSource) || !(clock instanceof SteeredClock)) {
    throw new ExportError("Only a kept session can be filmed frame by frame.");
  }
  const { playback } = source;
  const { time, playing } = playback;
  const writer = await FilmWriter.open(pixels, take.container, take.frameRate);
  const scene = new Scene(studio, source, pixels);
  const began = clock.now();
  const all = framesOf(take);
  try {
    playback.pause();
    for (let i = 0; i < all; i++) {
      signal.throwIfAborted();
      progress(i, all);
      const passed = i / take.frameRate;
      clock.hold(began + passed);
      source.goTo(Math.min(take.start + passed * take.speed, take.stop));
      await writer.add(await scene.frame(passed, 1 / take.frameRate, signal));
    }
    progress(all, all);
    return { blob: await writer.finish(), frames: writer.frames, codec: writer.codec };
  } finally {
    await writer.cancel();
    scene.close();
    clock.release();
    source.seek(time);
    if (playing) playback.play();
  }
}

/** The page, drawn on a canvas of its own. */
class Scene {
  private readonly canvas: OffscreenCanvas;

  constructor(
    private readonly studio: Studio,
    private readonly source: ArchiveSource,
    { width, height }: Pixels,
  ) {
    this.canvas = new OffscreenCanvas(width, height);
    studio.ownPace = false;
    pictureOf(studio).moveTo({ canvas: this.canvas, size: canvasSizeFor({ width, height }, studio.screen) });
  }

  /** The frame of the present time, once everything it shows is here. */
  async frame(time: number, duration: number, signal: AbortSignal) {
    const { studio, source } = this;
    for (let look = 0; ; look++) {
      studio.tick();
      const frame = frameOf(this.canvas, time, duration);
      await source.idle();
      const whole = source.settled && !studio.busy;
      if (whole || look >= MOST_LOOKS) return frame;
      frame.close();
      signal.throwIfAborted();
    }
  }

  close(): void {
    this.studio.graphics.picture?.moveTo(null);
    this.studio.ownPace = true;
  }
}

/**
 * A film of the page as it is drawn, as long as it lasts: of a live run, which waits for nobody. The controls are
 * not in it; they can be used meanwhile, and stand over what the film shows in their place.
 */
export class LiveFilm {
  private waiting = 0;
  /** Number of the newest frame on the film's own grid, to which the file's times are snapped. */
  private last = -1;
  /** What ended it before its time; null while it goes on. */
  failure: unknown = null;
  /** Frames there was no time for. */
  missed = 0;

  private constructor(
    private readonly studio: Studio,
    private readonly writer: FilmWriter,
    private readonly frameRate: number,
    private readonly began: number,
  ) {
    studio.ui.bare = true;
    studio.drawn = () => this.take();
  }

  /** Begins with the next frame. It keeps the size that the window has now. */
  static async start(studio: Studio, container: Container, frameRate: number): Promise<LiveFilm> {
    pictureOf(studio);
    const { width, height } = studio.canvas;
    const writer = await FilmWriter.open({ width, height }, container, frameRate);
    return new LiveFilm(studio, writer, frameRate, studio.clock.now());
  }

  get seconds(): number {
    return Math.max(0, this.last) / this.frameRate;
  }

  get frames(): number {
    return this.writer.frames;
  }

  async stop(): Promise<Film> {
    this.leave();
    if (this.failure) throw this.failure;
    return { blob: await this.writer.finish(), frames: this.writer.frames, codec: this.writer.codec };
  }

  async cancel(): Promise<void> {
    this.leave();
    await this.writer.cancel();
  }

  private leave(): void {
    this.studio.drawn = null;
    this.studio.ui.bare = false;
  }

  private take(): void {
    const frame = Math.round((this.studio.clock.now() - this.began) * this.frameRate);
    if (frame <= this.last) return;
    this.last = frame;
    if (this.waiting >= MOST_WAITING) {
      this.missed++;
      return;
    }
    this.waiting++;
    const { canvas } = this.studio;
    this.writer.add(frameOf(canvas, frame / this.frameRate, 1 / this.frameRate)).then(
      () => this.waiting--,
      (error: unknown) => {
        this.failure ??= error;
        this.studio.drawn = null;
      },
    );
  }
}
