import "../app/platform";
import { expect, it } from "vitest";
import { ArchiveSource } from "./archive_source";
import { RecordingSource } from "./replay";
import { SocketSource } from "./socket";
import { type FrameSource, recordingOf } from "./source";

it("knows a recording from a kept run and from a stream", () => {
  const sources = [RecordingSource, ArchiveSource, SocketSource].map(
    ({ prototype }) => Object.create(prototype) as FrameSource,
  );
  expect(sources.map((source) => recordingOf(source) === source)).toEqual([true, false, false]);
});
