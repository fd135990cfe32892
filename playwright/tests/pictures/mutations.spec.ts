import { readFileSync } from "node:fs";
import { expect, type Page } from "@playwright/test";
import { compare, decodePng, inWords } from "../../compare";
import { BASELINES } from "../../pictures";
import { STEPS, type Still, test } from "../../still";

/**
 * The real page, damaged in one place, against its baselines: each damage must be seen.
 * If one passes, the comparison has grown blind and the limits are too wide.
 */

test.describe.configure({ timeout: 240_000 });

/** Before the page's own scripts: what a pass or a pipeline with this label draws is left out. */
async function leaveOut(page: Page, label: string): Promise<void> {
  await page.addInitScript((pattern) => {
    const labels = new RegExp(pattern);
    const begin = GPUCommandEncoder.prototype.beginRenderPass;
    GPUCommandEncoder.prototype.beginRenderPass = function (descriptor) {
      const pass = begin.call(this, descriptor);
      let left = labels.test(descriptor.label ?? "");
      const { setPipeline, draw, drawIndirect } = pass;
      pass.setPipeline = (pipeline) => {
        left = labels.test(pipeline.label) || labels.test(descriptor.label ?? "");
        setPipeline.call(pass, pipeline);
      };
      pass.draw = (...counts) => {
        if (!left) draw.apply(pass, counts);
      };
      pass.drawIndirect = (...source) => {
        if (!left) drawIndirect.apply(pass, source);
      };
      return pass;
    };
  }, label);
}

async function expectSeen(still: Still, baseline: string): Promise<void> {
  const expected = decodePng(readFileSync(`${BASELINES}/${baseline}.png`));
  const difference = compare(decodePng(await still.picture()), expected);
  expect(difference.passes, `not seen: ${inWords(difference)}`).toBe(false);
}

for (const [what, label] of [
  ["bloom", "^bloom"],
  ["the trail", "^trail$"],
  ["the particles", "^particles$"],
] as const) {
  test(`damaged: the nebula without ${what}`, async ({ still, page }) => {
    await leaveOut(page, label);
    await still.open({ view: "nebula" });
    await still.at(STEPS.uncertain);
    await expectSeen(still, "nebula-uncertain");
  });
}

test("damaged: without the instruments", async ({ still, page }) => {
  await page.setViewportSize({ width: 1024, height: 640 });
  await leaveOut(page, "^hud");
  await still.open({ view: "hud" });
  await still.at(STEPS.middle);
  await expectSeen(still, "monitor-middle");
});

test("damaged: the canvas 2 px aside", async ({ still, page }) => {
  await page.setViewportSize({ width: 1024, height: 640 });
  await still.open({ view: "hud" });
  await still.at(STEPS.middle);
  await page.locator("canvas").evaluate((canvas: HTMLCanvasElement) => {
    canvas.style.translate = "2px 0";
  });
  await expectSeen(still, "monitor-middle");
});

test("damaged: the controls hidden", async ({ still, page }) => {
  await page.setViewportSize({ width: 1024, height: 640 });
  await still.open({ view: "hud" });
  await still.at(STEPS.middle);
  await page.locator("form").evaluate((form: HTMLFormElement) => {
    form.style.visibility = "hidden";
  });
  await expectSeen(still, "monitor-middle");
});
