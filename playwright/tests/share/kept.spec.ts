import { type Browser, type BrowserContext, chromium, expect, type Page, test } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { KEY, Server } from "../../server";

/** A kept session as a stranger opens it: in a browser of their own, by a name, with nothing but the link. */

const ADDRESS = "127.0.0.2";
/** A page on it is not one of loopback for a browser: only https makes it a secure one. */
const NAME = "chamber.test";

test.describe.configure({ timeout: 300_000 });
// The owner has looked at the certificate's fingerprint.
test.use({ viewport: { width: 1024, height: 640 }, ignoreHTTPSErrors: true });

const guests = test.extend<{ guest: Browser }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from it.
  guest: async ({}, use, { project }) => {
    const { launchOptions } = project.use;
    const args = [...(launchOptions?.args ?? []), `--host-resolver-rules=MAP ${NAME} ${ADDRESS}`];
    const browser = await chromium.launch({ ...launchOptions, args });
    await use(browser);
    await browser.close();
  },
});

/** Where the timeline lies, about: along the lower edge. */
async function drag(page: Page, from: number, to: number): Promise<void> {
  const { width, height } = page.viewportSize()!;
  const y = height - 30;
  await page.mouse.move(from * width, y);
  await page.mouse.down();
  await page.mouse.move(((from + to) / 2) * width, y);
  await page.mouse.move(to * width, y);
  await page.mouse.up();
}

/** A run of some tokens, kept; its session's id. */
async function keepRun(owner: Chamber, server: Server): Promise<string> {
  await owner.endlessRuns();
  await owner.open(server.page());
  await owner.ask(ENDLESS);
  // Tokens of one frame came at one time, and a busy machine sends many at once: enough that there are several times.
  await owner.moreThan(150);
  await owner.button("Stop").click();
  await expect.poll(async () => (await owner.snapshot()).phase).toBe("stopped");
  return (await owner.snapshot()).runId;
}

async function share(owner: Page): Promise<string> {
  await owner.locator("canvas").focus();
  await owner.keyboard.press("s");
  const dialog = owner.getByRole("dialog", { name: "SHARE THIS SESSION" });
  await expect(dialog.getByLabel("What they may do")).toBeDisabled();
  await dialog.getByRole("button", { name: "MAKE A LINK" }).click();
  const link = dialog.getByRole("textbox", { name: "Link" });
  await expect(link).toHaveValue(/^https:\/\/chamber\.test:\d+\/s\/[\w-]{24}\/\?.*session=[0-9a-f]{16}/);
  return link.inputValue();
}

async function opened(context: BrowserContext, address: string): Promise<Chamber> {
  const viewer = new Chamber(await context.newPage());
  await viewer.page.goto(address);
  await expect.poll(async () => (await viewer.snapshot()).connection).toBe("replay");
  return viewer;
}

guests("a kept session is shared, replayed by a stranger, and withdrawn", async ({ page, guest }) => {
  const words = ["--share", "--host", ADDRESS, "--allow-host", NAME, "--no-autostart", "--threads", "1"];
  const server = await Server.start(...words);
  try {
    const owner = new Chamber(page);
    await owner.idleGpu();
    const session = await keepRun(owner, server);
    const { tokens, text } = await owner.snapshot();
    await page.goto(server.page({ session, view: "hud", preset: "monitor", at: "0" }));
    await expect(owner.button("Share")).toBeVisible();
    const address = await share(page);
    expect(address).not.toContain(KEY);

    // Whoever has not looked at the fingerprint sees what the server has announced.
    const wary = await (await guest.newContext({ ignoreHTTPSErrors: false })).newPage();
    await expect(wary.goto(address)).rejects.toThrow("ERR_CERT_AUTHORITY_INVALID");

    const context = await guest.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1024, height: 640 },
    });
    const viewer = await opened(context, address);
    expect(await viewer.page.evaluate(() => isSecureContext && "gpu" in navigator)).toBe(true);
    expect(await context.cookies()).toEqual([]);
    await expect(page.getByRole("dialog").getByRole("listitem")).toContainText("a kept session · watch");
    await expect(page.getByRole("dialog").getByRole("listitem")).toContainText("1 viewer");
    await expect.poll(() => viewer.page.evaluate(() => window.chamber!.state().viewers)).toBe(2);

    await test.step("it plays, and is scrubbed by keys and by the pointer", async () => {
      await viewer.canvas.focus();
      await viewer.page.keyboard.press("Home");
      await expect.poll(() => viewer.tokens()).toBe(0);
      await viewer.page.keyboard.press(" ");
      await expect.poll(() => viewer.tokens(), { timeout: 60_000 }).toBeGreaterThan(3);
      await viewer.page.keyboard.press("End");
      await expect.poll(async () => (await viewer.snapshot()).text).toBe(text);
      expect(await viewer.tokens()).toBe(tokens);
      await viewer.page.keyboard.press("ArrowLeft");
      await expect.poll(() => viewer.tokens()).toBeLessThan(tokens);
      const late = await viewer.tokens();
      await drag(viewer.page, 0.9, 0.25);
      await expect.poll(() => viewer.tokens()).toBeLessThan(late);
      const early = await viewer.tokens();
      await drag(viewer.page, 0.25, 0.7);
      await expect.poll(() => viewer.tokens()).toBeGreaterThan(early);
      const drawn = await viewer.metric("frames");
      await expect.poll(() => viewer.metric("frames")).toBeGreaterThan(drawn);
    });

    await test.step("nothing is offered that a viewer may not do", async () => {
      const { page: seen } = viewer;
      await expect(viewer.prompt).toBeDisabled();
      await expect(viewer.button("Stop")).toBeDisabled();
      await expect(viewer.button("Share")).toBeHidden();
      await expect(seen.getByRole("combobox", { name: "Model" })).toBeDisabled();
      for (const key of ["o", "s", "m", "/"]) {
        await viewer.canvas.focus();
        await seen.keyboard.press(key);
        await expect(seen.getByRole("heading", { name: "You came by a link" })).toBeVisible();
        await expect(seen.locator("dialog[open]")).toHaveCount(0);
      }
      await seen.keyboard.press("?");
      const rows = seen.locator("dialog.help dl > div:visible");
      await expect(rows.filter({ hasText: "Save a picture" })).toHaveCount(1);
      await expect(rows.filter({ hasText: /kept session|Share|prompt|model/ })).toHaveCount(0);
      await seen.keyboard.press("Escape");
      await seen.keyboard.press("Control+k");
      for (const name of ["Kept sessions", "Share a link", "Write a prompt"]) {
        await seen.getByLabel("What to do").fill(name);
        await expect(seen.locator("#palette-list [role=option]"), name).toHaveCount(0);
      }
      await seen.keyboard.press("Escape");
      const status = (path: string) => seen.evaluate(async (to) => (await fetch(to)).status, path);
      expect(await status(`api/sessions/${session}/parts/manifest`)).toBe(200);
      for (const path of ["api/sessions", "api/shares", "api/models", "api/sessions/0/parts/manifest"])
        expect(await status(path), path).toBe(403);
    });

    await test.step("revoked, it is cut at once and can't be opened again", async () => {
      const { page: seen } = viewer;
      // What the page has does not go through Playwright: the socket tells when it was cut.
      const cut = seen.evaluate(async (id) => {
        const url = new URL(`api/sessions/${id}/watch`, document.baseURI);
        url.protocol = "wss:";
        const socket = new WebSocket(url);
        return new Promise<[number, number]>((done) => {
          socket.onclose = ({ code }) => done([code, Date.now()]);
        });
      }, session);
      await expect(page.getByRole("dialog").getByRole("listitem")).toContainText("2 viewers");
      await viewer.canvas.focus();
      await seen.keyboard.press("Home");
      await seen.keyboard.press(" ");
      // From when it is asked for: what a click takes is the test's own, and long beside a software GPU.
      const asking = page.waitForRequest((request) => request.method() === "DELETE");
      await page
        .getByRole("dialog")
        .getByRole("button", { name: /^Revoke/ })
        .click();
      const asked = await asking;
      expect((await asked.response())?.ok()).toBe(true);
      const [code, when] = await cut;
      expect(code).toBe(4012);
      expect(when - asked.timing().startTime).toBeLessThan(1000);
      await expect(seen.getByRole("heading", { name: "This link was withdrawn" })).toBeVisible();
      expect((await viewer.snapshot()).connection).toBe("closed");
      const stopped = await viewer.tokens();
      expect(stopped).toBeLessThan(tokens);
      await seen.waitForTimeout(700);
      expect(await viewer.tokens(), "it plays on").toBe(stopped);
      await seen.reload();
      await expect(seen.getByText("This link was withdrawn. Ask whoever shared it")).toBeVisible();
    });
  } finally {
    await server.close();
  }
});

guests("over http by a name the page says exactly what it lacks", async ({ page, guest }) => {
  const server = await Server.start("--host", ADDRESS, "--allow-host", NAME, "--no-autostart");
  try {
    const headers = { authorization: `Bearer ${KEY}` };
    const made = await page.request.post(`${server.url}api/shares`, { data: {}, headers });
    const { path } = (await made.json()) as { path: string };
    const seen = await (await guest.newContext()).newPage();
    await seen.goto(new URL(path, server.url.replace(ADDRESS, NAME)).href);
    expect(await seen.evaluate(() => isSecureContext)).toBe(false);
    const alert = seen.getByRole("alert").filter({ hasText: "WebGPU needs a secure page" });
    await expect(alert).toContainText("The browser gives a page the GPU only over https or from localhost.");
    await expect(alert).toContainText("the server does that with --share");
    const viewer = new Chamber(seen);
    await expect.poll(async () => (await viewer.snapshot()).model, { timeout: 60_000 }).not.toBe("");
  } finally {
    await server.close();
  }
});
