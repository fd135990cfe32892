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

test("a focused matrix or map is brought nearer and moved by keys, and the camera is let be", async ({
  page,
  still,
}) => {
  await still.open({ preset: "everything", head: HEAD, focus: "attention" });
  await still.feed(STEPS.uncertain);
  await still.after(2);
  const seen = (name: string) => page.evaluate((name) => window.chamber!.state().options.get(name), name);
  const said = page.locator("p[role=status][aria-label=Instruments]");
  const camera = () => new URL(page.url()).searchParams.get("camera");
  await page.keyboard.press("ArrowUp");
  await still.after(1);
  // Nothing to move along yet: the arrow turns the nebula.
  expect(await seen("attention.window")).toBeUndefined();
  const turned = camera();
  expect(turned).not.toBeNull();
  await page.keyboard.press("+");
  await expect.poll(() => seen("attention.window")).toMatch(/^\d+_\d+_\d+$/);
  const [query, key, span] = (await seen("attention.window"))!.split("_").map(Number);
  await page.keyboard.press("ArrowLeft");
  await expect.poll(() => seen("attention.window")).toBe(`${query}_${key! - Math.round(span! / 8)}_${span}`);
  await expect(said).toHaveText(/^Attention: queries \d+ to \d+, keys \d+ to \d+, of \d+$/);
  await page.keyboard.press("r");
  await expect.poll(() => seen("attention.window")).toBeUndefined();
  await expect(said).toHaveText(/^Attention: all \d+ positions$/);
  await page.evaluate(() => {
    window.chamber!.state().focus = "rope";
  });
  await still.after(1);
  await page.keyboard.press("+");
  await expect.poll(() => seen("rope.window")).toMatch(/^\d+_64$/);
  await page.keyboard.press("r");
  await expect.poll(() => seen("rope.window")).toBeUndefined();
  await still.after(1);
  expect(camera()).toBe(turned);
});

test("a panel is moved and made wider from the palette, and put back", async ({ page, still }) => {
  await still.open({ preset: "everything", head: HEAD });
  await still.feed(STEPS.start);
  await still.after(1);
  const run = async (words: string) => {
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: "What to do" }).fill(words);
    await expect(page.locator("#palette-0")).toContainText(new RegExp(words, "i"));
    await page.keyboard.press("Enter");
    await still.after(1);
  };
  const said = page.locator("p[role=status][aria-label=Instruments]");
  const side = (name: string) => new URL(page.url()).searchParams.get(name);
  const width = () => Number.parseFloat(side("right") ?? "0");
  await run("move KV cache right");
  expect(side("bottom")).toMatch(/^0\.2444\*waterfall-[\d.]+\*kv-[\d.]+$/);
  await expect(said).toHaveText("KV cache: moved right");
  await run("make attention wider");
  const wide = width();
  await run("make attention wider");
  expect(width()).toBeGreaterThan(wide);
  expect(side("right")).toContain("attention.entropy");
  await run("instruments where they were at first");
  expect([side("bottom"), side("right")]).toEqual([null, null]);
});
