import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { HERE } from "../../pictures";
import { StaticHost } from "../../static_host";
import { EXPERTS_RECORDING, RECORDING } from "../../still";

const ROOT = join(HERE, "..");
const CLI = join(ROOT, ".venv/bin/cloudchamber");
const folder = mkdtempSync(join(tmpdir(), "chamber-file-"));
const FILE = join(folder, "experts.cloudchamber");

let host: StaticHost;

test.beforeAll(async () => {
  execFileSync(CLI, ["export", RECORDING, join(folder, "site"), "--site"], { cwd: ROOT });
  execFileSync(CLI, ["export", EXPERTS_RECORDING, FILE], { cwd: ROOT });
  host = await StaticHost.start(join(folder, "site"), "/");
});

test.afterAll(() => host.stop());

const snapshot = (page: Page) => page.evaluate(() => window.chamber!.snapshot());

async function open(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
}

/** As a file manager drops it. */
async function drop(page: Page, bytes: Buffer): Promise<void> {
  const transfer = await page.evaluateHandle((text) => {
    const held = new DataTransfer();
    held.items.add(
      new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], "a.cloudchamber"),
    );
    return held;
  }, bytes.toString("base64"));
  await page.dispatchEvent("canvas.stage", "dragover", { dataTransfer: transfer });
  await page.dispatchEvent("canvas.stage", "drop", { dataTransfer: transfer });
}

async function expectExperts(page: Page): Promise<void> {
  await expect.poll(async () => (await snapshot(page)).vocabularySize).toBeLessThan(1000);
  await page.evaluate(() => window.chamber!.ready());
  await page.evaluate(() => window.chamber!.showTime(99));
  expect(await snapshot(page)).toMatchObject({ connection: "replay", phase: "finished", tokens: 69 });
  await expect(page.locator("main")).toHaveCount(1);
}

test("a session's file that is dropped on the page is replayed", async ({ page }) => {
  await open(page, `${host.url}?view=hud&layer=23&step=5&at=1.5`);
  expect((await snapshot(page)).model).toContain("SmolLM2");
  await drop(page, readFileSync(FILE));
  await expect.poll(async () => (await snapshot(page)).vocabularySize).toBeLessThan(1000);
  expect(new URL(page.url()).searchParams.get("at"), "it begins where another run stood").not.toBe("1.5");
  await expectExperts(page);
  expect(new URL(page.url()).searchParams.get("step")).toBeNull();
  // And another one after it: a recording.
  await drop(page, readFileSync(RECORDING));
  await expect.poll(async () => (await snapshot(page)).vocabularySize).toBe(49152);
});

test("two files that are dropped at once are opened one after the other", async ({ page }) => {
  await open(page, `${host.url}?view=hud`);
  await Promise.all([drop(page, readFileSync(RECORDING)), drop(page, readFileSync(FILE))]);
  await expectExperts(page);
});

test("a file that is damaged is refused in words, and the page stays as it is", async ({ page }) => {
  await open(page, `${host.url}?view=hud`);
  const damaged = readFileSync(FILE);
  damaged[damaged.length - 100]! ^= 1;
  await drop(page, damaged);
  await expect(page.getByText("The file is damaged: its index has another checksum.")).toBeVisible();
  await drop(page, Buffer.from("a letter to a friend, and no session at all"));
  await expect(page.getByText("This is not a session's file of Cloud Chamber.")).toBeVisible();
  expect((await snapshot(page)).model).toContain("SmolLM2");
});

test("a file can be chosen from the palette", async ({ page }) => {
  await open(page, `${host.url}?view=hud`);
  // From before the palette opens: the browser must know that its chooser is not to be shown.
  const choosing = page.waitForEvent("filechooser");
  await page.keyboard.press("Control+k");
  await page.keyboard.type("open a session's file");
  await page.keyboard.press("Enter");
  await (await choosing).setFiles(FILE);
  await expectExperts(page);
});

/** The address that a program says it is at. */
function addressSaid(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const hear = (text: Buffer) => {
      said += text.toString();
      const found = /is at\s+(http\S+)/.exec(said);
      if (found) resolve(found[1]!);
    };
    child.stdout?.on("data", hear);
    child.stderr?.on("data", hear);
    child.once("exit", () => reject(new Error(said)));
  });
}

test("cloudchamber open shows a file, and says what is wrong with one that is none", async ({ page }) => {
  const child = spawn(CLI, ["open", FILE, "--no-browser", "--port", "0"], {
    cwd: ROOT,
    env: { ...process.env, COLUMNS: "500" },
  });
  try {
    await open(page, await addressSaid(child));
    await expectExperts(page);
    // Nothing is offered that can't be done with a file.
    await expect(page.getByRole("button", { name: /share/i })).toBeHidden();
    for (const key of ["s", "o"]) {
      await page.keyboard.press(key);
      await expect(page.getByRole("heading", { name: "A session's file is on show" })).toBeVisible();
    }
    await expect(page.locator("dialog[open]")).toHaveCount(0);
    // Another file, which the server does not have: no link can lead to it.
    await drop(page, readFileSync(RECORDING));
    await expect.poll(async () => (await snapshot(page)).vocabularySize).toBe(49152);
    await page.keyboard.press("s");
    await expect(page.getByText("A file is on show")).toBeVisible();
    await expect(page.locator("dialog[open]")).toHaveCount(0);
    await page.keyboard.press("o");
    const list = page.getByRole("dialog", { name: "KEPT SESSIONS" });
    await expect(list.getByRole("listitem")).toHaveCount(1);
    await expect(list.getByRole("button")).toHaveText(["CLOSE"]);
    await expect(list.getByRole("link")).toHaveCount(1);
  } finally {
    child.kill();
  }
  const none = join(folder, "none.cloudchamber");
  writeFileSync(none, "nothing");
  expect(() => execFileSync(CLI, ["open", none, "--no-browser"], { cwd: ROOT, stdio: "pipe" })).toThrow(
    /not a session's file/,
  );
});
