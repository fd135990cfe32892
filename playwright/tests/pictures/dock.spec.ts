import { expect, test } from "../../still";

test.describe.configure({ timeout: 240_000 });

for (const [width, height, preset] of [
  [1280, 720, "everything"],
  [1280, 720, "attention"],
  [1366, 768, "everything"],
  [844, 390, "everything"],
] as const) {
  test.describe(`${width} × ${height}, ${preset}`, () => {
    test.use({ viewport: { width, height } });

    test(`every control lies within the dock at ${width} × ${height}`, async ({ page, still }) => {
      await still.open({ preset });
      await still.after(1);
      const dock = page.getByRole("region", { name: "Controls" });
      const whole = (await dock.boundingBox())!;
      const controls = await dock.locator("button:visible, textarea:visible").all();
      expect(controls.length).toBeGreaterThanOrEqual(5);
      for (const control of controls) {
        const box = (await control.boundingBox())!;
        const name = await control.evaluate((element) => element.ariaLabel ?? element.textContent);
        expect(box.x, `${name} begins in it`).toBeGreaterThanOrEqual(whole.x);
        expect(box.x + box.width, `${name} ends in it`).toBeLessThanOrEqual(whole.x + whole.width);
      }
      // What is written can be read.
      expect((await dock.locator("textarea").boundingBox())!.width).toBeGreaterThan(100);
    });
  });
}

for (const [width, height, preset] of [
  [1280, 720, "attention"],
  [1440, 900, "monitor"],
  [1600, 900, "monitor"],
  [1920, 1080, "everything"],
] as const) {
  test.describe(`${width} × ${height}, ${preset}, opened`, () => {
    test.use({ viewport: { width, height } });

    test(`the sampler's numbers can be read at ${width} × ${height}, ${preset}`, async ({ page, still }) => {
      await still.open({ preset });
      await still.after(1);
      const dock = page.getByRole("region", { name: "Controls" });
      // As the focus in the prompt opens it; of a recording there is nothing to write.
      await dock.evaluate((element) => element.classList.add("is-open"));
      const whole = (await dock.boundingBox())!;
      const inputs = await dock.getByRole("spinbutton").all();
      expect(inputs.length).toBe(7);
      for (const input of inputs) {
        const [name, cut] = await input.evaluate(
          (element) => [element.ariaLabel, element.scrollWidth > element.clientWidth] as const,
        );
        expect(cut, `${name} is cut`).toBe(false);
      }
      for (const element of await dock.locator(".field, .word:visible, button:visible, textarea").all()) {
        const box = (await element.boundingBox())!;
        const text = await element.textContent();
        expect(box.x + box.width, `${text} ends in it`).toBeLessThanOrEqual(whole.x + whole.width);
        expect(box.y + box.height, `${text} ends above its end`).toBeLessThanOrEqual(whole.y + whole.height);
        expect(box.height, `${text} has a height`).toBeGreaterThan(15);
      }
    });
  });
}
