import type { Page } from "@playwright/test";
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from "mediabunny";

/** A film's frames as they lie in its file. */
export interface Packets {
  readonly config: VideoDecoderConfig;
  readonly times: readonly number[];
  readonly keys: readonly boolean[];
  readonly data: readonly string[];
}

/** The film as any player takes it apart. */
export async function packetsOf(file: Buffer): Promise<Packets> {
  const input = new Input({ source: new BufferSource(file), formats: ALL_FORMATS });
  const track = await input.getPrimaryVideoTrack();
  const config = (await track!.getDecoderConfig())!;
  const packets = [];
  for await (const packet of new EncodedPacketSink(track!).packets()) packets.push(packet);
  return {
    config: { codec: config.codec, codedWidth: config.codedWidth!, codedHeight: config.codedHeight! },
    times: packets.map((packet) => packet.timestamp),
    keys: packets.map((packet) => packet.type === "key"),
    data: packets.map((packet) => Buffer.from(packet.data).toString("base64")),
  };
}

/** Green levels of every frame of a film at half its size, decoded by the browser. */
export async function decoded(page: Page, packets: Packets): Promise<number[][]> {
  return page.evaluate(async ({ config, times, keys, data }) => {
    const pictures: number[][] = [];
    const failures: string[] = [];
    const [width, height] = [320, 180];
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true })!;
    const decoder = new VideoDecoder({
      output(frame) {
        context.drawImage(frame, 0, 0, width, height);
        frame.close();
        const pixels = context.getImageData(0, 0, width, height).data;
        pictures.push(Array.from({ length: width * height }, (_, i) => pixels[4 * i + 1]!));
      },
      error: (error) => failures.push(error.message),
    });
    decoder.configure(config);
    for (const [i, text] of data.entries()) {
      const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
      const type = keys[i] ? "key" : "delta";
      decoder.decode(new EncodedVideoChunk({ type, timestamp: Math.round(times[i]! * 1e6), data: bytes }));
    }
    await decoder.flush();
    if (failures.length > 0) throw new Error(failures[0]);
    return pictures;
  }, packets);
}

/** Green levels of a picture, at the same size. */
export async function levelsOf(page: Page, png: Buffer): Promise<number[]> {
  return page.evaluate(async (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const bitmap = await createImageBitmap(new Blob([bytes]));
    const [width, height] = [320, 180];
    const context = new OffscreenCanvas(width, height).getContext("2d")!;
    context.drawImage(bitmap, 0, 0, width, height);
    const pixels = context.getImageData(0, 0, width, height).data;
    return Array.from({ length: width * height }, (_, i) => pixels[4 * i + 1]!);
  }, png.toString("base64"));
}

/** Levels that two pictures differ by, in the mean. */
export const apart = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
