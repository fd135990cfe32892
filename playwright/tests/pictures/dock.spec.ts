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
