import { compare, decodePng, inWords } from "../../compare";
import { expect, HEAD, STEPS, test } from "../../still";

test.use({ viewport: { width: 1440, height: 900 } });

test("a link opens where the waterfall and the text were scrolled to", async ({ still, page }) => {
  await still.open({ view: "hud", preset: "everything", head: HEAD });
  await still.at(STEPS.middle);
  const before = decodePng(await still.picture());
  await page.mouse.move(800, 790);
  await page.mouse.wheel(0, -1000);
  await still.after(1);
  await page.mouse.move(160, 205);
  await page.mouse.wheel(0, -60);
  await page.mouse.move(720, 300);
  await still.after(1);
  await still.after(1);
  const shown = decodePng(await still.picture());
  expect(compare(shown, before).passes, "it is scrolled").toBe(false);
  const address = page.url();
  expect(address).toContain("waterfall.end=");
  expect(address).toContain("monitor.line=");
  await still.begin(address);
  await page.mouse.move(720, 300);
  await still.at(STEPS.middle);
  // Cursor and dashes stand where they stood.
  for (let i = 0; i < 3; i++) await still.after(1);
  const difference = compare(decodePng(await still.picture()), shown);
  expect(difference.passes, inWords(difference)).toBe(true);
});
