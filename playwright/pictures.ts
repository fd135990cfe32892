import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, type TestInfo } from "@playwright/test";
import { compare, decodePng, encodePng, inWords, LIMITS, type Limits } from "./compare";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const BASELINES = join(HERE, "baselines");

/**
 * Hold a screenshot against its baseline, `baselines/NAME.png`. With `--update-snapshots`
 * the baseline is replaced instead. On failure all three pictures are attached.
 */
export async function expectPicture(
  bytes: Buffer,
  name: string,
  info: TestInfo,
  limits: Limits = LIMITS,
): Promise<void> {
  const path = join(BASELINES, `${name}.png`);
  const actual = decodePng(bytes);
  if (info.config.updateSnapshots === "all" || info.config.updateSnapshots === "changed") {
    mkdirSync(BASELINES, { recursive: true });
    writeFileSync(path, encodePng(actual));
    return;
  }
  expect(existsSync(path), `there is no baseline ${name}: make baselines`).toBe(true);
  const difference = compare(actual, decodePng(readFileSync(path)), limits);
  if (!difference.passes) {
    const kept = info.outputPath(`${name}-actual.png`);
    writeFileSync(kept, bytes);
    await info.attach(`${name}-actual`, { path: kept, contentType: "image/png" });
    await info.attach(`${name}-expected`, { path, contentType: "image/png" });
    if (difference.picture) {
      await info.attach(`${name}-difference`, {
        body: encodePng(difference.picture),
        contentType: "image/png",
      });
    }
  }
  expect(difference.passes, `${name}: ${inWords(difference)}`).toBe(true);
}
