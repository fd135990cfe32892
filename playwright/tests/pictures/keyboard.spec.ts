import { expect, HEAD, STEPS, test } from "../../still";

test.describe.configure({ timeout: 120_000 });
test.use({ viewport: { width: 1440, height: 900 } });

test("what the instruments draw as sliders and switches can be reached without a pointer", async ({
  page,
  still,
}) => {
  await still.open({ preset: "everything", view: "hud", head: HEAD });
  await still.feed(STEPS.start);
  await still.after(1);
  const section = page.getByRole("region", { name: "Instruments" });
  const layer = section.getByRole("slider", { name: "Layer" });
  await expect(layer).toHaveValue(String(HEAD[0]));
  expect((await section.boundingBox())!.width).toBeLessThan(3);
  await layer.focus();
  expect((await section.boundingBox())!.width).toBeGreaterThan(100);
  await page.keyboard.press("ArrowRight");
  await section.getByRole("slider", { name: "Head" }).focus();
  await page.keyboard.press("ArrowLeft");
  await section.getByRole("combobox", { name: "Attention of" }).selectOption("mean");
  await section.getByRole("combobox", { name: "First token in the flow" }).selectOption("out");
  await still.after(1);
  const { selection, options } = await page.evaluate(() => {
    const { selection, options } = window.chamber!.state();
    return { selection: [selection.layer, selection.head], options: [...options] };
  });
  expect(selection).toEqual([HEAD[0] + 1, HEAD[1] - 1]);
  expect(Object.fromEntries(options)).toEqual({ "attention.mode": "mean", "flow.first": "out" });
  expect(page.url()).toContain("attention.mode=mean");
  expect(page.url()).toContain("flow.first=out");
});

test("they are those of the model on show", async ({ page, still }) => {
  await still.open({ preset: "everything", view: "hud" });
  await still.feed(STEPS.start);
  await still.after(1);
  const section = page.getByRole("region", { name: "Instruments" });
  await expect(section.getByRole("slider", { name: "Layer" })).toHaveAttribute("max", "29");
  await expect(section.getByRole("slider", { name: "Head" })).toHaveAttribute("max", "8");
});

test("a key pressed just after a dialog has closed is the page's", async ({ page, still }) => {
  await still.open({ preset: "everything", view: "hud", head: HEAD });
  await page.keyboard.press("Control+k");
  const input = page.getByRole("combobox", { name: "What to do" });
  await expect(input).toBeFocused();
  const presets = await page.evaluate(() => {
    const focused = document.activeElement!;
    const press = () => {
      focused.dispatchEvent(new KeyboardEvent("keydown", { key: "2", bubbles: true, cancelable: true }));
      return window.chamber!.state().preset;
    };
    const open = press();
    focused.closest("dialog")!.close();
    return [open, press()];
  });
  expect(presets).toEqual(["everything", "attention"]);
});

test("what is said as text is of the moment on show", async ({ page, still }) => {
  await still.open({ preset: "everything", view: "hud", head: HEAD });
  await still.feed(STEPS.uncertain);
  await still.after(2);
  const mirror = page.getByRole("region", { name: "Inference, as text" });
  await expect(mirror).toContainText(`Token ${STEPS.uncertain + 1}: “Portsmouth”`);
  await page.keyboard.press("PageUp");
  await still.after(2);
  await still.after(2);
  await expect(mirror).toContainText(`Token ${STEPS.uncertain}: “of”`);
  await expect(page.locator("canvas.stage")).toHaveAttribute("aria-label", /token 36 is “of”/);
});
