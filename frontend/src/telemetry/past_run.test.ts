import { beforeAll, describe, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import { ReplayStage } from "../app/replay_stage";
import { createState } from "../state/initial";
import type { Archive } from "./archive";
import type { Manifest } from "./archive.gen";
import { ArchiveSource } from "./archive_source";
import { phaseAt } from "./past_run";

let archive: DiskArchive;
let manifest: Manifest;
beforeAll(async () => {
  archive = DiskArchive.recorded().at(-1)!;
  manifest = (await archive.part("manifest")) as Manifest;
});

/** What the page says of the run's phase at a time it jumps to, and to what it jumped before. */
async function phaseOnShow(from: Archive, ...times: number[]): Promise<string | undefined> {
  const source = await ArchiveSource.open(from);
  const state = createState();
  source.perform(new ReplayStage(state, () => null));
  for (const time of times) {
    source.seek(time);
    for (let i = 0; i < 100 && !source.settled; i++) {
      source.advance(0);
      await source.idle();
    }
    expect(source.settled).toBe(true);
  }
  return state.run?.state?.phase;
}

describe("the phase of a kept run", () => {
  it("is the one it was in, wherever one comes from", async () => {
    const changes = manifest.phases;
    expect(changes.map(([, phase]) => phase)).toEqual(["prefill", "running", "paused", "finished"]);
    const [, running, paused, finished] = changes.map(([time]) => time) as [number, number, number, number];
    const end = manifest.seconds;
    for (const [time, phase] of [
      [(running + paused) / 2, "running"],
      [paused, "paused"],
      [(paused + finished) / 2, "paused"],
      [finished, "finished"],
      [end + 1, "finished"],
    ] as const) {
      expect(await phaseOnShow(archive, time), `${time} from the beginning`).toBe(phase);
      expect(await phaseOnShow(archive, end, time), `${time} from the end`).toBe(phase);
      expect(await phaseOnShow(archive, (paused + finished) / 2, time), `${time} from amid`).toBe(phase);
    }
  });

  it("comes with its reason where that is the last", () => {
    expect(phaseAt(manifest, manifest.seconds)).toBe(manifest.finished);
    expect(phaseAt(manifest, -1)).toBeNull();
  });

  it("is running, where a session was kept without", async () => {
    const { phases: _, ...older } = manifest;
    const old: Archive = { part: async (name) => (name === "manifest" ? older : archive.part(name)) };
    expect(await phaseOnShow(old, manifest.phases[2]![0] + 5)).toBe("running");
  });
});
