import { expect, type Page, test } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { Server } from "../../server";

/** What is recorded just now, opened by one who comes late: it is there so far, and grows. */

test.describe.configure({ timeout: 240_000 });
test.use({ viewport: { width: 1024, height: 640 } });

/** Tokens there are by now, as the timeline shows them. */
const known = (page: Page) => page.evaluate(() => window.chamber!.session().steps);

/** Press on the timeline, which lies along the lower edge, at a share of its width. */
async function pressAt(page: Page, share: number): Promise<void> {
  const { width, height } = page.viewportSize()!;
  await page.mouse.click(share * width, height - 30);
}

/** A page with a run that does not end by itself, some tokens on. */
async function recording(page: Page, server: Server): Promise<Chamber> {
  const live = new Chamber(page);
  await live.endlessRuns();
  await live.idleGpu();
  await live.open(server.page());
  await live.ask(ENDLESS);
  await live.moreThan(20);
  return live;
}

test("a run that goes on is opened from its beginning, scrubbed, and followed to its end", async ({
  page,
  context,
}) => {
  const server = await Server.start("--no-autostart", "--threads", "1");
  try {
    const live = await recording(page, server);
    const { runId } = await live.snapshot();
    const late = new Chamber(await context.newPage());
    const complaints: string[] = [];
    late.page.on("console", (said) => said.type() === "error" && complaints.push(said.text()));
    late.page.on("pageerror", (error) => complaints.push(error.message));
    await late.page.goto(`${server.url}?session=${runId}&view=hud&preset=monitor&at=0`);
    await expect.poll(async () => (await late.snapshot()).connection).toBe("replay");
    const first = await known(late.page);
    expect(first, "what came before").toBeGreaterThan(5);
    await expect.poll(() => late.tokens()).toBe(0);

    await test.step("it is scrubbed while it grows, and stays where it stands", async () => {
      await late.canvas.focus();
      await late.page.keyboard.press("End");
      await expect.poll(() => late.tokens()).toBeGreaterThan(first - 1);
      await pressAt(late.page, 0.5);
      await expect.poll(async () => (await late.tokens()) < (await known(late.page))).toBe(true);
      const stands = await late.tokens();
      expect(stands).toBeGreaterThan(0);
      await expect.poll(() => known(late.page), { timeout: 60_000 }).toBeGreaterThan(first + 20);
      expect(await late.tokens()).toBe(stands);
      // The same place of a timeline that has grown is a later moment.
      await late.page.keyboard.press("Home");
      await expect.poll(() => late.tokens()).toBe(0);
      await expect.poll(() => known(late.page), { timeout: 60_000 }).toBeGreaterThan(2 * stands + 30);
      await pressAt(late.page, 0.5);
      await expect.poll(() => late.tokens()).toBeGreaterThan(stands + 5);
    });

    await test.step("played at its end it follows what comes", async () => {
      await late.page.keyboard.press("End");
      await expect.poll(() => late.tokens()).toBeGreaterThan(first + 20);
      const end = await late.tokens();
      await late.page.keyboard.press(" ");
      await expect.poll(() => late.tokens(), { timeout: 60_000 }).toBeGreaterThan(end + 20);
      expect((await late.snapshot()).phase).toBe("running");
    });

    await live.button("Stop").click();
    await expect.poll(async () => (await live.snapshot()).phase).toBe("stopped");
    const { tokens, text } = await live.snapshot();
    await test.step("it comes to the end that the run came to", async () => {
      await expect.poll(async () => (await late.snapshot()).phase, { timeout: 60_000 }).toBe("stopped");
      expect(await late.tokens()).toBe(tokens);
      expect(await known(late.page)).toBe(tokens);
      expect((await late.snapshot()).text).toBe(text);
      await late.page.keyboard.press("Home");
      await expect.poll(() => late.tokens()).toBe(0);
    });
    expect(complaints).toEqual([]);
  } finally {
    await server.close();
  }
});

test("attention comes on show in an open replay as soon as it is made of the run's record", async ({
  page,
  context,
}) => {
  const server = await Server.start("--no-autostart", "--threads", "1");
  try {
    const live = await recording(page, server);
    const { runId } = await live.snapshot();
    const late = new Chamber(await context.newPage());
    const look = { session: runId, view: "hud", focus: "attention", layer: "7", head: "3", at: "1" };
    await late.page.goto(`${server.url}?${new URLSearchParams(look)}`);
    await expect.poll(() => late.tokens()).toBeGreaterThan(0);
    /** Whether the newest row and the first rows of the matrix on show are there, and where the page stands. */
    const shown = () =>
      late.page.evaluate(() => {
        const { attention, attentionHistory, selection } = window.chamber!.state();
        const { layer, head } = selection;
        const matrix = attentionHistory.get(layer, head);
        const known = [0, 20].map((position) => matrix?.isKnown(position) ?? false);
        return { layer, head, row: attention.size > 0, known };
      });
    const place = { layer: 7, head: 3 };
    expect(await shown()).toEqual({ ...place, row: false, known: [false, false] });
    const stands = await late.tokens();
    await live.button("Stop").click();
    await expect.poll(shown, { timeout: 90_000 }).toEqual({ ...place, row: true, known: [true, true] });
    expect(await late.tokens()).toBe(stands);
  } finally {
    await server.close();
  }
});
