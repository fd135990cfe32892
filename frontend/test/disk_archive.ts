import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Archive } from "../src/telemetry/archive";
import { decodeValue } from "../src/telemetry/decode";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** The recorded run as a kept session, `times` times as long; made anew, and decoded as the page does. */
export class DiskArchive implements Archive {
  /** Parts that were asked for, in order. */
  readonly asked: string[] = [];

  private constructor(private readonly folder: string) {}

  static make(times = 1): DiskArchive {
    const folder = mkdtempSync(join(tmpdir(), "chamber-parts-"));
    const script = join(ROOT, "frontend/test/make_archive.py");
    execFileSync(join(ROOT, ".venv/bin/python"), [script, folder, String(times)]);
    return new DiskArchive(folder);
  }

  async part(name: string): Promise<unknown> {
    this.asked.push(name);
    const path = join(this.folder, name);
    if (!existsSync(path)) return null;
    const { buffer, byteOffset, length } = readFileSync(path);
    return decodeValue(buffer.slice(byteOffset, byteOffset + length) as ArrayBuffer);
  }
}
