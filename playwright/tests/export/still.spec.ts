import { readFile } from "node:fs/promises";
import { expect, type Page } from "@playwright/test";
import { compare, decodePng, inWords } from "../../compare";
import { pressAtOnce } from "../../page";
import { STEPS, test } from "../../still";

/** Saves what is on show as a person does; returns the file's bytes and its name. */
async function savePicture(
  page: Page,
  width: number,
  height: number,
): Promise<{ bytes: Buffer; name: string }> {
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  await dialog.getByLabel("Width").fill(String(width));
  await dialog.getByLabel("Height").fill(String(height));
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "SAVE PNG" }).click();
  const download = await coming;
  await expect(dialog).toBeHidden();
  return { bytes: await readFile(await download.path()), name: download.suggestedFilename() };
}

const green = ({ data, width }: ReturnType<typeof decodePng>, x: number, y: number): number =>
  data[4 * (y * width + x) + 1]!;

/** Only what is drawn on the canvas is to be seen. */
async function hideControls(page: Page): Promise<void> {
  await page.evaluate(() => {
    for (const element of document.querySelectorAll<HTMLElement>(".page > :not(canvas)")) {
      element.style.visibility = "hidden";
    }
  });
}

test("a picture of the window's size is what the window shows", async ({ still, page }) => {
  // Where the controls stand over the nebula; beside instruments their room goes to those.
  await still.open({ view: "nebula" });
  await still.at(STEPS.middle);
  await hideControls(page);
  const shown = await still.picture();
  const { bytes, name } = await savePicture(page, 640, 360);
  expect(name).toMatch(/^cloud-chamber-SmolLM2.*\.png$/);
  const saved = decodePng(bytes);
  expect([saved.width, saved.height]).toEqual([640, 360]);
  const difference = compare(saved, decodePng(shown));
  expect(difference.passes, inWords(difference)).toBe(true);
  // The page's own canvas has its size back, and shows the same as before.
  await still.after(0);
  const after = compare(decodePng(await still.picture()), decodePng(shown));
  expect(after.passes, inWords(after)).toBe(true);
});

test("a picture of twice the size is the same, drawn twice as fine", async ({ still, page }) => {
  await still.open({ view: "nebula" });
  await still.at(STEPS.middle);
  await hideControls(page);
  const shown = decodePng(await still.picture());
  const saved = decodePng((await savePicture(page, 1280, 720)).bytes);
  expect([saved.width, saved.height]).toEqual([1280, 720]);
  let apart = 0;
  let detail = 0;
  for (let y = 0; y < shown.height; y++) {
    for (let x = 0; x < shown.width; x++) {
      const four = [0, 1].flatMap((dy) => [0, 1].map((dx) => green(saved, 2 * x + dx, 2 * y + dy)));
      apart += Math.abs(four.reduce((sum, value) => sum + value, 0) / 4 - green(shown, x, y));
      detail += Math.max(...four) - Math.min(...four);
    }
  }
  const pixels = shown.width * shown.height;
  expect(apart / pixels, "levels that the two differ by").toBeLessThan(4);
  expect(detail / pixels, "levels between neighbours, which a picture blown up has not").toBeGreaterThan(1);
});

test("a picture leaves no room for controls that are not in it", async ({ still, page }) => {
  await still.open({ view: "hud" });
  await still.at(STEPS.middle);
  await hideControls(page);
  const shown = decodePng(await still.picture());
  const dock = await page.locator(".dock").boundingBox();
  const saved = decodePng((await savePicture(page, 640, 360)).bytes);
  /** The most that a level goes up and down by where the controls stand. */
  const drawn = (picture: typeof shown): number => {
    const rows = Array.from({ length: 24 }, (_, i) => Math.round(dock!.y) + 8 + i);
    const levels = rows.flatMap((y) => Array.from({ length: 600 }, (_, i) => green(picture, 20 + i, y)));
    return Math.max(...levels) - Math.min(...levels);
  };
  expect(drawn(shown), "the page, under its controls").toBeLessThan(30);
  expect(drawn(saved), "the picture").toBeGreaterThan(100);
  // The page's own controls have stayed where they were.
  await still.after(0);
  expect(await page.locator(".dock").boundingBox()).toEqual(dock);
});

test("a picture that is cancelled while it is drawn is not saved", async ({ still, page }) => {
  await still.open({ view: "hud" });
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  let saved = 0;
  page.on("download", () => saved++);
  await expect(dialog.getByRole("button", { name: "SAVE PNG" })).toBeEnabled();
  await pressAtOnce(dialog, "SAVE PNG", "CANCEL");
  await expect(dialog.getByRole("status")).toHaveText("Cancelled.");
  expect(saved).toBe(0);
});

test("sizes that can't be are refused in words", async ({ still, page }) => {
  await still.open({ view: "hud" });
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  await dialog.getByLabel("Width").fill("9000");
  await expect(dialog.getByRole("status")).toHaveText("The most a side can have is 8192.");
  await expect(dialog.getByRole("button", { name: "SAVE PNG" })).toBeDisabled();
  await dialog.getByRole("button", { name: "CLOSE" }).click();
  await expect(dialog).toHaveCount(0);
});
