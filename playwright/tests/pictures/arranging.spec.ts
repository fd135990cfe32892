import { expect, HEAD, STEPS, test } from "../../still";

test.describe.configure({ timeout: 120_000 });
test.use({ viewport: { width: 1920, height: 1080 } });

test("a panel is dragged to another's place, unless Escape puts it back, and the address says so", async ({
  page,
  still,
}) => {
  await still.open({ preset: "everything", head: HEAD });
  await still.feed(STEPS.start);
  await still.after(1);
  const side = () => new URL(page.url()).searchParams.get("bottom");
  const drag = async () => {
    await page.mouse.move(520, 814);
    await page.mouse.down();
    await page.mouse.move(560, 830);
    await page.mouse.move(1100, 930);
  };
  await drag();
  await page.keyboard.press("Escape");
  await page.mouse.up();
  await still.after(1);
  expect(side()).toBeNull();
  await drag();
  await page.mouse.up();
  await still.after(1);
  expect(side()).toMatch(/^0\.2444\*waterfall-[\d.]+\*kv-[\d.]+$/);
});
