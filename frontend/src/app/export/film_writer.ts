import {
  BufferTarget,
  getFirstEncodableVideoCodec,
  Mp4OutputFormat,
  Output,
  QUALITY_HIGH,
  type VideoCodec,
  VideoSample,
  VideoSampleSource,
  WebMOutputFormat,
} from "mediabunny";
import { even, type Pixels } from "./sizes";
import { ExportError } from "./studio";

export type Container = "webm" | "mp4";

const CODECS: Readonly<Record<Container, VideoCodec[]>> = {
  webm: ["vp9", "av1", "vp8"],
  mp4: ["avc", "av1", "vp9"],
};

/** What this browser can write at a size. */
export async function containersFor({ width, height }: Pixels): Promise<Container[]> {
  if (!("VideoEncoder" in globalThis)) return [];
  const there = await Promise.all(
    (["webm", "mp4"] as const).map(async (container) => {
      const codec = await getFirstEncodableVideoCodec(CODECS[container], { width, height });
      return codec ? container : null;
    }),
  );
  return there.filter((container) => container !== null);
}

/** A film that is being written, frame by frame, to memory. */
export class FilmWriter {
  frames = 0;

  private constructor(
    private readonly output: Output<WebMOutputFormat | Mp4OutputFormat, BufferTarget>,
    private readonly source: VideoSampleSource,
    private readonly container: Container,
    readonly codec: VideoCodec,
  ) {}

  /** A film of so many pixels, even each way: what has another size, or gets one meanwhile, is fitted into it. */
  static async open(size: Pixels, container: Container, frameRate: number): Promise<FilmWriter> {
    const { width, height } = even(size);
    const codec = await getFirstEncodableVideoCodec(CODECS[container], { width, height });
    if (!codec) throw new ExportError(`This browser can't write ${container.toUpperCase()} at that size.`);
    const format =
      container === "webm" ? new WebMOutputFormat() : new Mp4OutputFormat({ fastStart: "in-memory" });
    const output = new Output({ format, target: new BufferTarget() });
    const source = new VideoSampleSource({
      codec,
      quality: QUALITY_HIGH,
      keyFrameInterval: 2,
      sizeChangeBehavior: "contain",
      // H.264 takes no odd sizes. Only then, for it draws each frame once more.
      transform: size.width === width && size.height === height ? {} : { width, height },
    });
    output.addVideoTrack(source, { frameRate });
    await output.start();
    return new FilmWriter(output, source, container, codec);
  }

  /** Takes a frame over. Resolves when more can be taken. */
  async add(frame: VideoSample): Promise<void> {
    this.frames++;
    try {
      await this.source.add(frame);
    } finally {
      frame.close();
    }
  }

  async finish(): Promise<Blob> {
    await this.output.finalize();
    const { buffer } = this.output.target;
    if (!buffer) throw new ExportError("The film came out empty.");
    return new Blob([buffer], { type: `video/${this.container}` });
  }

  async cancel(): Promise<void> {
    const { state } = this.output;
    if (state === "started" || state === "pending") await this.output.cancel();
  }
}

/** What a canvas shows just now, for `duration` seconds of the film from `time` on: to be taken in the task that drew it. */
export function frameOf(
  canvas: HTMLCanvasElement | OffscreenCanvas,
  time: number,
  duration: number,
): VideoSample {
  return new VideoSample(canvas, { timestamp: time, duration });
}
