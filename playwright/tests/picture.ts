import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { decodePng, encodePng } from "../compare";
import { HERE } from "../pictures";
import { STEPS, test } from "../still";

/** `make picture`: the README's picture, of the real page on the recorded run. */

test.use({ viewport: { width: 1600, height: 900 } });

test("docs/cockpit.png", async ({ still }) => {
  test.setTimeout(300_000);
  await still.open();
  await still.at(STEPS.uncertain);
  writeFileSync(join(HERE, "../docs/cockpit.png"), encodePng(decodePng(await still.picture())));
});
