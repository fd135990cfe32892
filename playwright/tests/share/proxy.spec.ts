import { expect, test } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { KEY, Server } from "../../server";
import { TlsProxy } from "../../tls_proxy";

/** The server behind a TLS proxy, under a path prefix that the proxy takes off: as its owner and a guest meet it. */

const NAME = "chamber.test";
const PREFIX = "/talks/chamber";

test.describe.configure({ timeout: 240_000 });
test.use({
  viewport: { width: 1024, height: 640 },
  ignoreHTTPSErrors: true,
  launchOptions: async ({ launchOptions }, use) => {
    const args = [...(launchOptions.args ?? []), `--host-resolver-rules=MAP ${NAME} 127.0.0.1`];
    await use({ ...launchOptions, args });
  },
});

test("a run is shared by a link under the prefix", async ({ page, context, browser }) => {
  const words = ["--root-path", PREFIX, "--proxy", "127.0.0.1", "--allow-host", NAME, "--no-autostart"];
  const server = await Server.start(...words);
  const proxy = await TlsProxy.start(server.port, PREFIX, NAME);
  try {
    const base = `https://${NAME}:${proxy.port}${PREFIX}/`;
    const owner = new Chamber(page);
    await owner.idleGpu();
    await owner.endlessRuns();
    await owner.open(`${base}?token=${KEY}&view=hud`);
    expect(await page.evaluate(() => isSecureContext)).toBe(true);
    expect(page.url()).not.toContain(KEY);
    expect(await context.cookies()).toMatchObject([{ httpOnly: true, secure: true, path: `${PREFIX}/` }]);

    await owner.canvas.focus();
    await page.keyboard.press("s");
    const dialog = page.getByRole("dialog", { name: "SHARE WHAT RUNS" });
    await dialog.getByRole("button", { name: "MAKE A LINK" }).click();
    const address = await dialog.getByRole("textbox", { name: "Link" }).inputValue();
    expect(address).toMatch(new RegExp(`^${base}s/[\\w-]{24}/`));
    await dialog.getByRole("button", { name: "CLOSE" }).click();

    await owner.ask(ENDLESS);
    await owner.moreThan(12);
    // Who comes late sees the newest, and goes back to what came before.
    const other = await browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1024, height: 640 },
    });
    const guest = new Chamber(await other.newPage());
    await guest.idleGpu();
    await guest.page.goto(address);
    await guest.moreThan(12);
    expect(await other.cookies()).toEqual([]);
    await guest.canvas.focus();
    await guest.page.keyboard.press("Home");
    const moment = () =>
      guest.page.evaluate(() => {
        const { selection, moments } = window.chamber!.state();
        return [selection.step, moments.get(0) !== undefined];
      });
    await expect.poll(moment).toEqual([0, true]);
    expect(proxy.asked.every((path) => path.startsWith(`${PREFIX}/`) || path === "/favicon.ico")).toBe(true);
    await other.close();
  } finally {
    await proxy.stop();
    await server.close();
  }
});
