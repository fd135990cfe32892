import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { HERE } from "../../pictures";
import { StaticHost } from "../../static_host";
import { RECORDING } from "../../still";

const ROOT = join(HERE, "..");
const PATH = "/talks/2026/chamber/";

let folder: string;
let host: StaticHost;

/** What the browser could not do, in its own words. */
function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  return complaints;
}

const snapshot = (page: Page) => page.evaluate(() => window.chamber!.snapshot());

test.beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), "chamber-site-")), "site");
  execFileSync(join(ROOT, ".venv/bin/cloudchamber"), ["export", RECORDING, folder, "--site"], { cwd: ROOT });
  host = await StaticHost.start(folder, PATH);
});

test.afterAll(() => host.stop());

test("a folder behind any static host, under a path, replays with all it has", async ({ page }) => {
  const complaints = complaintsOf(page);
  await page.goto(`${host.url}?clock=manual&view=hud`);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  expect(await snapshot(page)).toMatchObject({
    connection: "replay",
    vocabularySize: 49152,
    positions: "umap",
  });

  await page.evaluate(() => window.chamber!.showTime(1.5));
  const middle = await snapshot(page);
  expect(middle.tokens).toBeGreaterThan(20);
  expect(middle.tokens).toBeLessThan(72);
  await page.evaluate(() => window.chamber!.showTime(99));
  const end = await snapshot(page);
  expect(end).toMatchObject({ tokens: 72, phase: "finished" });
  await page.evaluate(() => window.chamber!.showTime(1.5));
  expect(await snapshot(page)).toEqual(middle);
  await page.evaluate(() => window.chamber!.render());

  expect(complaints).toEqual([]);
  expect(host.missed).toEqual([]);
  expect(host.served.every((path) => path.startsWith(PATH))).toBe(true);
});

test("it says what was left out of it", async ({ page }) => {
  // It is said for some seconds: by a clock that stands still, for as long as a busy machine takes to look.
  await page.goto(`${host.url}?clock=manual&view=hud`);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.render());
  await expect(page.getByText("It holds the attention of layer 23.")).toBeVisible();
  await expect(page.getByText("the exact ones are left out")).toBeVisible();
});

test("it offers nothing that needs a server, and its keys say that there is none", async ({ page }) => {
  const complaints = complaintsOf(page);
  await page.goto(`${host.url}?clock=manual&view=hud`);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  const notice = page.getByRole("heading", { name: "This page stands alone" });
  const lacks = {
    o: "that keeps others",
    s: "that makes links",
    m: "that could answer",
    "/": "that could answer",
  };
  for (const [key, lack] of Object.entries(lacks)) {
    await page.keyboard.press(key);
    await page.evaluate(() => window.chamber!.render());
    await expect(notice).toBeVisible();
    await expect(page.getByText(lack)).toBeVisible();
    await expect(page.locator("dialog[open]")).toHaveCount(0);
  }
  await page.keyboard.press("?");
  await expect(page.getByText("This page stands alone: it shows")).toBeVisible();
  const rows = page.locator("dialog.help dl > div:visible");
  await expect(rows.filter({ hasText: "Save a picture" })).toHaveCount(1);
  await expect(rows.filter({ hasText: /kept session|Share|prompt|model/ })).toHaveCount(0);
  await page.keyboard.press("Escape");
  await page.keyboard.press("Control+k");
  const options = page.locator("#palette-list [role=option]");
  await page.getByLabel("What to do").fill("save a picture");
  await expect(options).toHaveCount(1);
  for (const name of ["Kept sessions", "Share a link", "Write a prompt"]) {
    await page.getByLabel("What to do").fill(name);
    await expect(options, name).toHaveCount(0);
  }
  expect(complaints).toEqual([]);
  expect(host.missed).toEqual([]);
});

test("it begins with the layer whose attention it has", async ({ page }) => {
  await page.goto(`${host.url}?clock=manual&view=hud`);
  await page.waitForFunction(() => window.chamber);
  const layer = await page.evaluate(() => window.chamber!.state().selection.layer);
  expect(layer).toBe(23);
  await page.goto(`${host.url}?clock=manual&view=hud&layer=4`);
  await page.waitForFunction(() => window.chamber);
  expect(await page.evaluate(() => window.chamber!.state().selection.layer)).toBe(4);
});

test("without its prompt it shows none, and keeps the numbers", async ({ page }) => {
  const redacted = `${folder}-redacted`;
  const words = ["export", RECORDING, redacted, "--site", "--redact-prompt"];
  execFileSync(join(ROOT, ".venv/bin/cloudchamber"), words, { cwd: ROOT, stdio: "pipe" });
  const other = await StaticHost.start(redacted, PATH);
  try {
    await page.goto(`${other.url}?clock=manual&view=hud&preset=attention`);
    await page.waitForFunction(() => window.chamber);
    await page.evaluate(() => window.chamber!.ready());
    await page.evaluate(() => window.chamber!.showTime(99));
    const held = await page.evaluate(() => {
      const { run, vocabulary } = window.chamber!.state();
      const ids = [...run!.started.prompt_ids.data];
      return {
        prompt: run!.started.prompt,
        labels: [...new Set(ids.map((id) => vocabulary!.label(id)))],
        ids,
      };
    });
    expect(held).toMatchObject({ prompt: "", labels: ["‹withheld›"] });
    expect(held.ids).toHaveLength(44);
    expect((await snapshot(page)).tokens).toBe(72);
  } finally {
    await other.stop();
  }
});

test("it is small", () => {
  const bytes = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
  // 72 tokens; the page, the vocabulary and the layouts alone are 2 MB.
  expect(bytes).toBeLessThan(4e6);
});
