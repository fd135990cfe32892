import { expect, type Page, test } from "@playwright/test";
import { qrPlace } from "../../../frontend/src/hud/qr";
import { decodePng } from "../../compare";
import { Chamber } from "../../page";
import { Server } from "../../server";

/** The server as others meet it: over https at another address than loopback's usual one, by a link. */

const ADDRESS = "127.0.0.2";

test.describe.configure({ timeout: 300_000 });
// A self-signed certificate, as someone who has looked at its fingerprint goes on.
// As on a big screen: the controls would lie over the code.
test.use({ viewport: { width: 1600, height: 900 }, ignoreHTTPSErrors: true });

test("the code on the screen is that of the link", async ({ page }) => {
  const server = await Server.start("--share", "--host", ADDRESS, "--no-autostart");
  try {
    await new Chamber(page).open(server.page({ preset: "everything" }));
    await page.locator("canvas").focus();
    await page.keyboard.press("s");
    const dialog = page.getByRole("dialog", { name: "SHARE WHAT RUNS" });
    await dialog.getByRole("button", { name: "MAKE A LINK" }).click();
    const coded = page.waitForResponse((response) => response.url().endsWith("/api/qr"));
    await dialog.getByRole("button", { name: "QR CODE" }).click();
    const { rows } = (await (await coded).json()) as { rows: string[] };
    await expect(dialog).toBeHidden();
    await expect.poll(() => differing(page, rows), { timeout: 60_000 }).toBe(0);
    const share = page.getByRole("button", { name: "Share" });
    await expect(share).toBeHidden();
    await page.keyboard.press("Escape");
    await expect.poll(() => differing(page, rows), { timeout: 60_000 }).toBeGreaterThan(rows.length);
    await expect(share).toBeVisible();
    await page.keyboard.press("s");
    await dialog.getByRole("button", { name: "MAKE A LINK" }).click();
    await dialog.getByRole("button", { name: "QR CODE" }).click();
    await expect(share, "for whoever has no keys").toBeHidden();
    await page.mouse.click(100, 100);
    await expect(share).toBeVisible();
  } finally {
    await server.close();
  }
});

/** Modules of the code whose middle on the screen is not as dark or as light as it should be. */
async function differing(page: Page, rows: readonly string[]): Promise<number> {
  const picture = decodePng(await page.screenshot({ scale: "device" }));
  const { x, y, module } = qrPlace(rows.length, picture.width, picture.height);
  let wrong = 0;
  rows.forEach((row, r) => {
    [...row].forEach((cell, c) => {
      const column = x + Math.floor((c + 0.5) * module);
      const at = 4 * ((y + Math.floor((r + 0.5) * module)) * picture.width + column);
      const light = picture.data[at]! + picture.data[at + 1]! + picture.data[at + 2]!;
      if (cell === "1" ? light > 150 : light < 600) wrong++;
    });
  });
  return wrong;
}
