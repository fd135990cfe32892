import { readFile } from "node:fs/promises";
import { expect } from "@playwright/test";
import { ALL_FORMATS, BufferSource, EncodedPacketSink, Input } from "mediabunny";
import { RECORDING, test } from "../../still";

test("what is live is filmed as it is drawn, until it is stopped", async ({ still, page }) => {
  await page.route("**/recorded-run", (route) => route.fulfill({ path: RECORDING }));
  await page.goto(still.address({ recording: "recorded-run", view: "hud", preset: "monitor" }));
  await page.waitForFunction(() => window.chamber);
  await page.evaluate(() => window.chamber!.ready());
  await page.locator("canvas.stage").focus();
  await page.keyboard.press("p");
  const dialog = page.getByRole("dialog", { name: "Save a picture or a film" });
  await dialog.getByRole("tab", { name: "FILM" }).click();
  await dialog.getByRole("button", { name: "RECORD" }).click();
  await expect(dialog.getByRole("status")).toHaveText(/^Recording: [2-9]\.\d s/);
  const coming = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "STOP AND SAVE" }).click();
  const file = await readFile(await (await coming).path());
  await expect(dialog).toHaveCount(0);

  const input = new Input({ source: new BufferSource(file), formats: ALL_FORMATS });
  const track = (await input.getPrimaryVideoTrack())!;
  expect([await track.getDisplayWidth(), await track.getDisplayHeight()]).toEqual([640, 360]);
  const times: number[] = [];
  for await (const packet of new EncodedPacketSink(track).packets()) times.push(packet.timestamp);
  expect(times.length).toBeGreaterThan(5);
  expect(times.at(-1)! - times[0]!).toBeGreaterThan(1.5);
  times.slice(1).forEach((time, i) => {
    expect(time).toBeGreaterThan(times[i]!);
  });
});
