import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodePng, encodePng } from "../compare";
import { HERE } from "../pictures";
import { HEAD, STEPS, test } from "../still";

/** `make picture`: the README's pictures, of the real page on the recorded run. */

test.use({ viewport: { width: 1920, height: 1080 } });
test.describe.configure({ timeout: 300_000 });

const keep = (name: string, picture: Buffer): void =>
  writeFileSync(join(HERE, "../docs", name), encodePng(decodePng(picture)));

test("docs/cockpit.png", async ({ still }) => {
  await still.open({ preset: "everything", head: HEAD });
  await still.at(STEPS.uncertain);
  keep("cockpit.png", await still.picture());
});

test("docs/attention.png", async ({ still }) => {
  await still.open({ preset: "everything", focus: "attention", head: HEAD });
  await still.at(STEPS.uncertain);
  keep("attention.png", await still.picture());
});
