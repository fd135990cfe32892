import { expect, test } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { KEY, Server } from "../../server";

/** The server as others meet it: over https at another address than loopback's usual one, by a link. */

const ADDRESS = "127.0.0.2";

test.describe.configure({ timeout: 240_000 });
// A self-signed certificate, as someone who has looked at its fingerprint goes on.
test.use({ viewport: { width: 1024, height: 640 }, ignoreHTTPSErrors: true });

test("a link is made, opened, seen over, and revoked", async ({ page, context, browser }) => {
  const server = await Server.start("--share", "--host", ADDRESS, "--no-autostart");
  try {
    const owner = new Chamber(page);
    await owner.idleGpu();
    await owner.endlessRuns();
    await owner.open(server.page());
    expect(new URL(page.url()).search, "the key has left the address").not.toContain("token");
    const cookies = await context.cookies();
    expect(cookies).toMatchObject([{ httpOnly: true, sameSite: "Strict", secure: true, path: "/" }]);
    expect(cookies[0]!.value).not.toContain(KEY);

    await page.getByRole("button", { name: "Share" }).click();
    const dialog = page.getByRole("dialog", { name: "SHARE WHAT RUNS" });
    await dialog.getByRole("button", { name: "MAKE A LINK" }).click();
    const link = dialog.getByRole("textbox", { name: "Link" });
    await expect(link).toHaveValue(/^https:\/\/127\.0\.0\.2:\d+\/s\/[\w-]{24}\//);
    const address = await link.inputValue();
    // The list is read again every few seconds: what one is about to press stays where it is.
    const revoke = dialog.getByRole("button", { name: /^Revoke/ });
    await revoke.focus();
    for (let i = 0; i < 2; i++) await page.waitForResponse((answer) => answer.url().endsWith("/api/shares"));
    await expect(revoke).toBeFocused();
    await page.keyboard.press("Escape");
    await page.getByRole("button", { name: "Share" }).click();
    await expect(link, "as long as the page is open").toHaveValue(address);

    // A stranger's browser: no cookie, nothing but the link.
    const other = await browser.newContext({
      ignoreHTTPSErrors: true,
      viewport: { width: 1024, height: 640 },
    });
    const guest = new Chamber(await other.newPage());
    await guest.idleGpu();
    await guest.page.goto(address);
    await expect.poll(async () => (await guest.snapshot()).model, { timeout: 60_000 }).not.toBe("");
    expect(await guest.page.evaluate(() => isSecureContext && "gpu" in navigator)).toBe(true);
    await expect(guest.prompt).toBeDisabled();
    await expect(guest.button("Share")).toBeHidden();
    expect(await other.cookies()).toEqual([]);

    await dialog.getByRole("button", { name: "CLOSE" }).click();
    await owner.ask(ENDLESS);
    await guest.moreThan(3);
    await expect.poll(() => page.evaluate(() => window.chamber!.state().viewers)).toBe(2);

    await page.locator("canvas").focus();
    await page.keyboard.press("s");
    await dialog.getByRole("button", { name: /^Revoke/ }).click();
    await expect(guest.page.getByRole("heading", { name: "This link was withdrawn" })).toBeVisible();
    await expect(link, "of a link that is over").toBeHidden();
    // Also where the nebula is a strip at the side.
    await guest.page.setViewportSize({ width: 800, height: 500 });
    await expect(guest.page.getByRole("alert").filter({ hasText: "withdrawn" })).toBeInViewport({ ratio: 1 });
    await guest.page.reload();
    await expect(guest.page.getByRole("heading", { name: "This link was withdrawn" })).toBeVisible();
    await guest.page.goto(server.url);
    await expect(guest.page.getByRole("heading", { name: "This page needs a key" })).toBeVisible();
    await other.close();
  } finally {
    await server.close();
  }
});
