import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, type Page, test } from "@playwright/test";
import type { Timeline } from "../../../frontend/src/telemetry/archive.gen";
import { decodeValue } from "../../../frontend/src/telemetry/decode";
import { apart, decoded, levelsOf, packetsOf } from "../../films";
import { HERE } from "../../pictures";
import { StaticHost } from "../../static_host";
import { RECORDING } from "../../still";

const ROOT = join(HERE, "..");
const RATE = 24;

let host: StaticHost;
/** When each token came, in seconds of the run. */
let times: Float64Array;

test.describe.configure({ timeout: 240_000 });

test.beforeAll(async () => {
  const folder = join(mkdtempSync(join(tmpdir(), "chamber-film-")), "site");
  execFileSync(join(ROOT, ".venv/bin/cloudchamber"), ["export", RECORDING, folder, "--site"], { cwd: ROOT });
  const timeline = decodeValue(gunzipSync(readFileSync(join(folder, "parts/timeline.bin.gz")))) as Timeline;
  times = timeline.time.data;
  host = await StaticHost.start(folder, "/");
});

test.afterAll(() => host.stop());

async function open(page: Page): Promise<void> {
  await page.goto(`${host.url}?view=hud&preset=monitor`);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  await page.evaluate(() => window.chamber!.showTime(1));
  // What draws itself in has done so.
  await page.waitForTimeout(2000);
}

const dialogOf = (page: Page) => page.getByRole("dialog", { name: "Save a picture or a film" });

async function openDialog(page: Page) {
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = dialogOf(page);
  await dialog.getByLabel("Width").fill("640");
  await dialog.getByLabel("Height").fill("360");
  return dialog;
}

/** Films the tokens `from` to `to` and returns the file. */
async function film(page: Page, from: number, to: number, format = "WEBM"): Promise<Buffer> {
  const dialog = await openDialog(page);
  await dialog.getByRole("tab", { name: "FILM" }).click();
  await dialog.getByLabel("Format").selectOption({ label: format });
  await dialog.getByLabel("Frames a second").selectOption({ label: String(RATE) });
  await dialog.getByLabel("From token").fill(String(from));
  await dialog.getByLabel("To token").fill(String(to));
  const coming = page.waitForEvent("download", { timeout: 200_000 });
  await dialog.getByRole("button", { name: "SAVE FILM" }).click();
  const download = await coming;
  await expect(dialog).toHaveCount(0);
  return readFile(await download.path());
}

/** Green levels of the page drawn at a time of the run, by the way a still picture is saved. */
async function stillAt(page: Page, seconds: number): Promise<number[]> {
  await page.evaluate((time) => window.chamber!.showTime(time), seconds);
  const dialog = await openDialog(page);
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "SAVE PNG" }).click();
  const png = await readFile(await (await coming).path());
  await expect(dialog).toHaveCount(0);
  return levelsOf(page, png);
}

test("a film of a stretch shows each moment at its own time, whenever it is made", async ({ page }) => {
  await open(page);
  const before = await page.evaluate(() => window.chamber!.snapshot());
  const packets = await packetsOf(await film(page, 20, 29));
  await expect.poll(() => page.evaluate(() => window.chamber!.snapshot())).toEqual(before);

  const [start, stop] = [times[19]!, times[29]!];
  expect(packets.config).toMatchObject({ codedWidth: 640, codedHeight: 360 });
  expect(packets.times).toHaveLength(Math.ceil((stop - start) * RATE) + 1);
  packets.times.forEach((time, i) => {
    expect(time).toBeCloseTo(i / RATE, 2);
  });

  const frames = await decoded(page, packets);
  expect(frames).toHaveLength(packets.times.length);
  const last = frames.length - 1;
  for (const i of [0, 4, last]) {
    const still = await stillAt(page, Math.min(start + i / RATE, stop));
    const here = apart(frames[i]!, still);
    expect(here, `levels that frame ${i} differs by from its moment`).toBeLessThan(4);
    for (const other of [0, 4, last]) {
      if (other !== i) expect(apart(frames[other]!, still)).toBeGreaterThan(2 * here);
    }
  }

  const again = await decoded(page, await packetsOf(await film(page, 20, 29)));
  frames.forEach((frame, i) => {
    expect(apart(frame, again[i]!), `frame ${i} of a second film`).toBeLessThan(0.5);
  });
});

test("what is wrong with a film's fields keeps no picture from being saved", async ({ page }) => {
  await open(page);
  const dialog = await openDialog(page);
  await dialog.getByRole("tab", { name: "FILM" }).click();
  for (const [from, to] of [
    ["1", "999"],
    ["1.5", "3"],
    ["", "3"],
  ] as const) {
    await dialog.getByLabel("From token").fill(from);
    await dialog.getByLabel("To token").fill(to);
    await expect(dialog.getByRole("status")).toHaveText(/^The tokens are 1 to \d+\.$/);
    await expect(dialog.getByRole("button", { name: "SAVE FILM" })).toBeDisabled();
  }
  await dialog.getByRole("tab", { name: "PICTURE" }).click();
  const coming = page.waitForEvent("download", { timeout: 20_000 });
  await dialog.getByRole("button", { name: "SAVE PNG" }).click();
  expect((await coming).suggestedFilename()).toMatch(/\.png$/);
});

test("a film that is cancelled leaves the page as it was", async ({ page }) => {
  await open(page);
  const before = await page.evaluate(() => window.chamber!.snapshot());
  const dialog = await openDialog(page);
  await dialog.getByRole("tab", { name: "FILM" }).click();
  await dialog.getByRole("button", { name: "SAVE FILM" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^Frame [1-9]\d* of \d+/);
  await dialog.getByRole("button", { name: "CANCEL" }).click();
  await expect(dialog.getByRole("status")).toHaveText("Cancelled.");
  await dialog.getByRole("button", { name: "CLOSE" }).click();
  await expect(dialog).toHaveCount(0);
  await expect.poll(() => page.evaluate(() => window.chamber!.snapshot())).toEqual(before);
  const frames = await page.evaluate(() => window.chamber!.metrics().frames);
  await expect
    .poll(() => page.evaluate(() => window.chamber!.metrics().frames), { message: "the page draws again" })
    .toBeGreaterThan(frames);
});
