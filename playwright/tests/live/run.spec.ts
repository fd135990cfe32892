import { expect, test } from "@playwright/test";
import { Chamber, ENDLESS } from "../../page";
import { Server } from "../../server";

/** The real server and the real model, driven as a person drives them. */

test.describe.configure({ timeout: 240_000 });
test.use({ viewport: { width: 1024, height: 640 } });

test("a typed prompt is answered, paused, stepped and stopped", async ({ page }) => {
  const server = await Server.start("--no-autostart");
  try {
    const chamber = new Chamber(page);
    await chamber.endlessRuns();
    await chamber.open(server.page());
    await expect(chamber.status).toHaveText(/Ready for a prompt/);

    await chamber.ask(ENDLESS);
    await chamber.moreThan(5);

    await chamber.button("Pause").click();
    await expect(chamber.status).toHaveText(/Paused/);
    const paused = await chamber.tokens();
    await page.waitForTimeout(700);
    expect(await chamber.tokens(), "tokens came while it was paused").toBe(paused);
    await expect(chamber.answer).not.toHaveText("");

    await chamber.button("Step").click();
    await expect.poll(() => chamber.tokens()).toBe(paused + 1);
    await page.waitForTimeout(500);
    expect(await chamber.tokens(), "one step is one token").toBe(paused + 1);

    await chamber.button("Resume").click();
    await chamber.moreThan(paused + 5);
    await chamber.canvas.focus();
    await page.keyboard.press("Escape");
    await expect(chamber.status).toHaveText(/Stopped/);
    const stopped = await chamber.tokens();
    await page.waitForTimeout(500);
    expect(await chamber.tokens(), "tokens came after the stop").toBe(stopped);

    const { runId } = await chamber.snapshot();
    await chamber.prompt.fill("語".repeat(30_000));
    await chamber.prompt.press("Enter");
    await expect(page.getByRole("alert")).toContainText("90,000 bytes and at most 60,000");
    expect((await chamber.snapshot()).runId, "no part of it was sent").toBe(runId);
  } finally {
    await server.close();
  }
});

test("on first open a default prompt runs without a click", async ({ page }) => {
  const server = await Server.start();
  try {
    const chamber = new Chamber(page);
    await chamber.open(server.page());
    await chamber.moreThan(3);
    await expect(chamber.prompt).not.toHaveValue("");
  } finally {
    await server.close();
  }
});

test("the first run's attention is of a head that found something; a head that is named stays", async ({
  page,
}) => {
  const server = await Server.start();
  try {
    const chamber = new Chamber(page);
    const selection = () => page.evaluate(() => window.chamber!.state().selection);
    await chamber.open(server.page({ focus: "attention" }));
    await chamber.moreThan(3);
    await expect.poll(async () => (await selection()).suggestedFor).not.toBeNull();
    const { layer, head, named } = await selection();
    expect(named).toBe(false);
    expect(layer, "of SmolLM2's 30 layers a middle one").toBeGreaterThan(7);
    expect(layer).toBeLessThan(23);
    await expect.poll(() => page.url()).toContain(`layer=${layer}&head=${head}`);

    await chamber.open(server.page({ focus: "attention", layer: "0", head: "0" }));
    await chamber.moreThan(3);
    await expect.poll(() => page.evaluate(() => window.chamber!.state().heads !== null)).toBe(true);
    expect(await selection()).toMatchObject({ layer: 0, head: 0, named: true });
  } finally {
    await server.close();
  }
});

test("the model's process is killed in mid-run: the page says so and goes on with the next run", async ({
  page,
}) => {
  const server = await Server.start("--no-autostart");
  try {
    const chamber = new Chamber(page);
    await chamber.endlessRuns();
    await chamber.open(server.page());
    await chamber.ask(ENDLESS);
    await chamber.moreThan(3);
    server.killWorker();
    await expect(page.getByRole("alert").filter({ hasText: "The model has stopped" })).toBeVisible();
    await expect(chamber.status).toHaveText(/Failed/);
    await chamber.ask(ENDLESS);
    await chamber.moreThan(3);
    await expect(chamber.status).toHaveText(/Generating/);
    await expect(page.getByRole("alert")).toHaveCount(0);
  } finally {
    await server.close();
  }
});

test("the server dies and comes back: the page says so and resumes", async ({ page }) => {
  const server = await Server.start("--no-autostart");
  try {
    const chamber = new Chamber(page);
    await chamber.endlessRuns();
    await chamber.open(server.page());
    await chamber.ask(ENDLESS);
    await chamber.moreThan(3);
    await server.stop("SIGKILL");
    const gone = page.getByRole("heading", { name: "The server is gone" });
    await expect(gone).toBeVisible();
    await server.start();
    await expect(gone).toBeHidden({ timeout: 60_000 });
    await chamber.ask(ENDLESS);
    await chamber.moreThan(3);
  } finally {
    await server.close();
  }
});

test("the graphics device is lost: the page builds it anew and draws on", async ({ page }) => {
  const server = await Server.start();
  try {
    const chamber = new Chamber(page);
    await chamber.open(server.page());
    await chamber.moreThan(3);
    await page.evaluate(() => window.chamber!.loseDevice());
    await expect.poll(() => chamber.metric("rebuilds")).toBeGreaterThan(0);
    const drawn = await chamber.metric("frames");
    await expect.poll(() => chamber.metric("frames")).toBeGreaterThan(drawn + 3);
  } finally {
    await server.close();
  }
});
