import { test as base, expect } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { Server } from "../../server";

const test = base.extend<{ server: Server }>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from it.
  server: async ({}, use) => {
    const server = await Server.start("--no-autostart", "--threads", "1");
    await use(server);
    await server.close();
  },
});

test("a run is kept, found in the list, renamed, replayed and deleted", async ({ page, server }) => {
  test.setTimeout(300_000);
  const live = new Chamber(page);
  await live.endlessRuns();
  await live.open(server.page());
  const list = page.getByRole("dialog", { name: "KEPT SESSIONS" });
  await page.locator("canvas").focus();
  await page.keyboard.press("o");
  await expect(list).toContainText("Nothing is kept yet");
  await page.keyboard.press("5");
  await page.keyboard.press("Escape");
  await expect(list).toBeHidden();

  await live.ask(ENDLESS);
  await live.moreThan(12);
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await expect.poll(async () => (await live.snapshot()).phase).toBe("stopped");
  const said = (await live.snapshot()).text;

  await page.locator("canvas").focus();
  await page.keyboard.press("o");
  const row = list.getByRole("listitem");
  await expect(row).toHaveCount(1);
  await expect(row).toContainText("tokens ·");
  await expect(row.getByRole("link"), "the newest is at hand").toBeFocused();
  await list.getByRole("button", { name: /^Rename/ }).click();
  await list.getByRole("textbox", { name: "Title" }).fill("A tower");
  await page.keyboard.press("Enter");
  await list.getByRole("button", { name: "Pin A tower" }).focus();
  await page.keyboard.press("Enter");
  await expect(list.getByRole("button", { name: "Unpin A tower" }), "one stays where one was").toBeFocused();
  await expect(row, "of ten gigabytes").toContainText(" MB");

  await list.getByRole("link", { name: "A tower" }).click();
  await page.waitForURL(/session=/);
  const replay = new Chamber(page);
  await expect.poll(async () => (await replay.snapshot()).connection).toBe("replay");
  await page.locator("canvas").focus();
  await page.keyboard.press("End");
  await expect.poll(async () => (await replay.snapshot()).text).toBe(said);
  await expect.poll(() => page.url()).toMatch(/at=\d/);
  await page.keyboard.press("Home");
  await expect.poll(() => replay.tokens()).toBe(0);
  for (let i = 0; i < 3; i++) await page.keyboard.press("ArrowRight");
  await expect.poll(() => replay.tokens()).toBeGreaterThan(2);
  const there = await replay.tokens();
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => replay.tokens()).toBeLessThan(there);
  await page.keyboard.press(" ");
  await expect.poll(() => replay.tokens(), { timeout: 60_000 }).toBeGreaterThan(10);

  await page.keyboard.press("o");
  // So that the list's own look at the server, every 5 s, falls between the first press and its end.
  await page.waitForTimeout(2500);
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  await list.getByRole("button", { name: "Delete A tower" }).click();
  asked.length = 0;
  const sure = list.getByRole("button", { name: "Really delete A tower" });
  await expect(sure).toBeVisible();
  await expect(sure, "it is asked once, for some seconds").toBeHidden();
  expect(asked, "the list is made anew under the second press").not.toContain("/api/sessions");
  await list.getByRole("button", { name: "Delete A tower" }).click();
  await sure.click();
  await expect(list).toContainText("Nothing is kept yet");
  await expect(list.getByRole("button", { name: "CLOSE" }), "nobody falls out of the list").toBeFocused();

  await page.reload();
  await expect(page.getByRole("alert")).toContainText("There is no such session.");
  await page.getByRole("link", { name: "LIVE" }).click();
  await expect.poll(async () => (await live.snapshot()).connection, { timeout: 30_000 }).toBe("open");
});
