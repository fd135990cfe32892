import { expect } from "@playwright/test";
import { compare, decodePng, inWords } from "../../compare";
import { ANOTHER_PROCESSOR, roundOtherwise } from "../../rounding";
import { HEAD, STEPS, type StillOptions, test } from "../../still";

/**
 * The same picture when the shaders' numbers are a little off, as on another processor: nothing
 * in it may hang on the last bits, or the baselines hold on one kind of machine only.
 */

test.describe.configure({ timeout: 240_000 });

const SHOWN: Readonly<Record<string, StillOptions>> = {
  "the nebula with every instrument": { preset: "everything", head: HEAD },
  "attention's entropy": { view: "hud", focus: "entropy", head: HEAD },
  "attention's flow": { view: "hud", focus: "flow", head: HEAD },
};

for (const [what, options] of Object.entries(SHOWN)) {
  test(`rounded otherwise: ${what}`, async ({ still, page }) => {
    await page.setViewportSize({ width: 1024, height: 640 });
    await still.open(options);
    await still.at(STEPS.uncertain);
    const here = decodePng(await still.picture());
    const failures: string[] = [];
    page.on("pageerror", ({ message }) => failures.push(message));
    await roundOtherwise(page, ANOTHER_PROCESSOR);
    await still.open(options);
    await still.at(STEPS.uncertain);
    const elsewhere = decodePng(await still.picture());
    expect(failures).toEqual([]);
    const difference = compare(elsewhere, here);
    expect(difference.drift, "nothing was off at all").toBeGreaterThan(0);
    expect(difference.passes, inWords(difference)).toBe(true);
  });
}
