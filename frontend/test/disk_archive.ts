import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Archive } from "../src/telemetry/archive";
import { decodeValue } from "../src/telemetry/decode";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** What a script beside this file writes to a new folder. */
function written(script: string, ...more: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "chamber-parts-"));
  execFileSync(join(ROOT, ".venv/bin/python"), [join(ROOT, "frontend/test", script), folder, ...more]);
  return folder;
}

/** The recorded run as a kept session, `times` times as long; made anew, and decoded as the page does. */
export class DiskArchive implements Archive {
  /** Parts that were asked for, in order. */
  readonly asked: string[] = [];

  private constructor(private readonly folder: string) {}

  static make(times = 1): DiskArchive {
    return new DiskArchive(written("make_archive.py", String(times)));
  }

  /** The run as it lay in the store while it was recorded, at some moments; at the last, it is complete. */
  static recorded(): DiskArchive[] {
    const folder = written("make_store.py");
    const moments = readdirSync(folder).sort();
    return moments.map((name) => new DiskArchive(join(folder, name)));
  }

  async part(name: string): Promise<unknown> {
    this.asked.push(name);
    const path = join(this.folder, name);
    if (!existsSync(path)) return null;
    const { buffer, byteOffset, length } = readFileSync(path);
    return decodeValue(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer);
  }
}
