import { expect, RECORDING, test } from "../../still";

/** A browser that gives no GPU: the page says so, and everything but the picture can be used. */

test.describe.configure({ timeout: 240_000 });

test("without a GPU the page says so, tells the run in words, and its controls stand as ever", async ({
  playwright,
  launchOptions,
  server,
}) => {
  const bare = await playwright.chromium.launch({
    ...launchOptions,
    args: ["--no-sandbox", "--disable-gpu", "--disable-features=Vulkan"],
  });
  try {
    const page = await bare.newPage({ viewport: { width: 1280, height: 800 } });
    await page.route("**/recorded-run", (route) => route.fulfill({ path: RECORDING }));
    await page.goto(`${server.url}?recording=recorded-run`);
    const message = page.getByRole("alert");
    await expect(message).toContainText(/The graphics adapter was refused|No WebGPU, no picture/);
    await expect(page.getByLabel("Answer")).not.toHaveText("");
    const whole = (await page.getByRole("region", { name: "Controls" }).boundingBox())!;
    expect(whole.width).toBeGreaterThan(1000);
    for (const control of await page.locator(".dock :is(button, textarea, input):visible").all()) {
      const box = (await control.boundingBox())!;
      expect(box.x + box.width).toBeLessThanOrEqual(whole.x + whole.width);
      expect(box.y).toBeGreaterThanOrEqual(whole.y);
    }
  } finally {
    await bare.close();
  }
});

test("an adapter that was refused once is asked for again, and the picture comes", async ({
  page,
  server,
}) => {
  await page.addInitScript(() => {
    const { requestAdapter } = GPU.prototype;
    let refused = false;
    GPU.prototype.requestAdapter = async function (options) {
      if (refused) return requestAdapter.call(this, options);
      refused = true;
      return null;
    };
  });
  await page.route("**/recorded-run", (route) => route.fulfill({ path: RECORDING }));
  await page.goto(`${server.url}?recording=recorded-run`);
  const message = page.locator("[data-message=graphics]");
  await expect(message).toContainText("The graphics adapter was refused");
  await message.getByRole("button", { name: "TRY AGAIN" }).click();
  await expect(message).toHaveCount(0);
  await expect.poll(() => page.evaluate(() => window.chamber!.snapshot().tokens)).toBeGreaterThan(0);
});
