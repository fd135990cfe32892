import { expect } from "@playwright/test";
import { compare, decodePng, inWords } from "../../compare";
import { expectPicture } from "../../pictures";
import { HEAD, STEPS, test } from "../../still";

test.describe.configure({ timeout: 240_000 });
test.use({ viewport: { width: 1024, height: 640 } });

test("nebula and instruments at 1024 × 640", async ({ still }, info) => {
  await still.open({ preset: "everything", head: HEAD });
  await still.at(STEPS.uncertain);
  await expectPicture(await still.picture(), "cockpit-1024", info);
});

test.describe("larger", () => {
  test.use({ viewport: { width: 1440, height: 900 } });

  test("nebula and instruments at 1440 × 900", async ({ still }, info) => {
    await still.open({ preset: "everything", head: HEAD });
    await still.at(STEPS.uncertain);
    await expectPicture(await still.picture(), "cockpit-1440", info);
  });
});

test.describe("as it is meant to be seen", () => {
  test.use({ viewport: { width: 1920, height: 1080 } });

  test("nebula and instruments at 1920 × 1080", async ({ still }, info) => {
    await still.open({ preset: "everything", head: HEAD });
    await still.at(STEPS.uncertain);
    await expectPicture(await still.picture(), "cockpit-1920", info);
  });
});

test.describe("on twice as many pixels", () => {
  test.use({ deviceScaleFactor: 2 });

  test("the instruments are as sharp as the screen", async ({ still }, info) => {
    await still.open({ view: "hud" });
    await still.at(STEPS.middle);
    await expectPicture(await still.picture(), "monitor-2x", info);
  });
});

test.describe("with reduced motion", () => {
  test.use({ contextOptions: { reducedMotion: "reduce" } });

  test("nothing drifts: two frames ten seconds apart are the same", async ({ still }, info) => {
    await still.open({ view: "nebula" });
    await still.at(STEPS.uncertain);
    const first = await still.picture();
    await expectPicture(first, "reduced-motion", info);
    await still.after(10);
    const difference = compare(decodePng(await still.picture()), decodePng(first));
    expect(difference.passes, inWords(difference)).toBe(true);
  });
});

test("with motion allowed, the same ten seconds are seen", async ({ still }) => {
  await still.open({ view: "nebula" });
  await still.at(STEPS.uncertain);
  const first = decodePng(await still.picture());
  await still.after(10);
  const difference = compare(decodePng(await still.picture()), first);
  expect(difference.passes, inWords(difference)).toBe(false);
});
