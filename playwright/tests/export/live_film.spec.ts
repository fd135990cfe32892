import { readFile } from "node:fs/promises";
import { expect, type Locator, type Page } from "@playwright/test";
import { apart, decoded, levelsOf, packetsOf } from "../../films";
import { pressAtOnce } from "../../page";
import { RECORDING, test } from "../../still";

type Rect = NonNullable<Awaited<ReturnType<Locator["boundingBox"]>>>;

/** The dialog, open at FILM, of a page that shows the recorded run as if it were live. */
async function filmDialog(page: Page, address: string): Promise<Locator> {
  await page.route("**/recorded-run", (route) => route.fulfill({ path: RECORDING }));
  await page.goto(address);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  await dialog.getByRole("tab", { name: "FILM" }).click();
  return dialog;
}

test("what is live is filmed as it is drawn, until it is stopped", async ({ still, page }) => {
  const dialog = await filmDialog(
    page,
    still.address({ recording: "recorded-run", view: "hud", preset: "monitor" }),
  );
  await dialog.getByRole("button", { name: "RECORD" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^Recording: [2-9]\.\d s/);
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "STOP AND SAVE" }).click();
  const file = await readFile(await (await coming).path());
  await expect(dialog).toHaveCount(0);

  const packets = await packetsOf(file);
  const { config, times } = packets;
  expect([config.codedWidth, config.codedHeight]).toEqual([640, 360]);
  expect(times.length).toBeGreaterThan(5);
  expect(times.at(-1)! - times[0]!).toBeGreaterThan(1.5);
  times.slice(1).forEach((time, i) => {
    expect(time).toBeGreaterThan(times[i]!);
  });
});

test("a window of odd size is filmed, and goes on when it gets another", async ({ still, page }) => {
  await page.setViewportSize({ width: 641, height: 361 });
  const dialog = await filmDialog(
    page,
    still.address({ recording: "recorded-run", view: "hud", preset: "monitor" }),
  );
  await dialog.getByRole("button", { name: "RECORD" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^Recording: [1-9]\.\d s/);
  await page.setViewportSize({ width: 700, height: 500 });
  await expect(dialog.getByRole("status")).toHaveText(/^Recording: [4-9]\.\d s/);
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "STOP AND SAVE" }).click();
  const { config, times } = await packetsOf(await readFile(await (await coming).path()));
  expect([config.codedWidth, config.codedHeight]).toEqual([640, 360]);
  expect(times.at(-1)! - times[0]!, "seconds of the film").toBeGreaterThan(3);
});

test("a film that is cancelled before it has begun does not begin", async ({ still, page }) => {
  const dialog = await filmDialog(
    page,
    still.address({ recording: "recorded-run", view: "hud", preset: "monitor" }),
  );
  await expect(dialog.getByRole("button", { name: "RECORD" })).toBeEnabled();
  await pressAtOnce(dialog, "RECORD", "CANCEL");
  await expect(dialog.getByRole("status")).toHaveText("Cancelled.");
  await expect(dialog.getByRole("button", { name: "RECORD" })).toBeEnabled();
});

/** The greatest green level of a frame of half the page's size, within a place of the page. */
function brightestIn(frame: readonly number[], { x, y, width, height }: Rect): number {
  let most = 0;
  for (let row = Math.ceil(y / 2); row < Math.floor((y + height) / 2); row++) {
    const from = row * 320 + Math.ceil(x / 2);
    for (const level of frame.slice(from, from + Math.floor(width / 2))) most = Math.max(most, level);
  }
  return most;
}

test("the controls are not in it, and what stands in their place is", async ({ still, page }) => {
  await page.route("**/recorded-run", (route) => route.fulfill({ path: RECORDING }));
  await page.goto(still.address({ recording: "recorded-run", view: "hud", preset: "monitor" }));
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  // The whole run has come, so that what is filmed and what is drawn afterwards are the same moment.
  await expect.poll(() => page.evaluate(() => window.chamber!.snapshot().phase)).toBe("finished");
  const dock = page.getByRole("region", { name: "Controls" });
  const place = await dock.boundingBox();
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  await dialog.getByRole("tab", { name: "FILM" }).click();
  await dialog.getByRole("button", { name: "RECORD" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^Recording: [2-9]\.\d s/);
  // They can be used meanwhile.
  await expect(dock).toBeVisible();
  expect(await dock.boundingBox()).toEqual(place);
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "STOP AND SAVE" }).click();
  const frames = await decoded(page, await packetsOf(await readFile(await (await coming).path())));

  await expect(dialog).toHaveCount(0);
  await page.keyboard.press("p");
  await dialog.getByLabel("Width").fill("640");
  await dialog.getByLabel("Height").fill("360");
  const saving = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "SAVE PNG" }).click();
  const picture = await levelsOf(page, await readFile(await (await saving).path()));
  await expect(dialog).toHaveCount(0);
  for (const frame of [frames[0]!, frames.at(-1)!]) {
    expect(apart(frame, picture), "levels that the film differs by from a saved picture").toBeLessThan(2);
    expect(brightestIn(frame, place!)).toBeGreaterThan(80);
  }
});
