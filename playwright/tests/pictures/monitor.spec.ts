import { expectPicture } from "../../pictures";
import { STEPS, test } from "../../still";

test.describe.configure({ timeout: 180_000 });
test.use({ viewport: { width: 1024, height: 640 } });

test("at the start", async ({ still }, info) => {
  await still.open({ view: "hud" });
  await still.at(STEPS.start);
  await expectPicture(await still.picture(), "monitor-start", info);
});

test("in the middle of a run", async ({ still }, info) => {
  await still.open({ view: "hud" });
  await still.at(STEPS.middle);
  await expectPicture(await still.picture(), "monitor-middle", info);
});

test("when the run is over", async ({ still }, info) => {
  await still.open({ view: "hud" });
  await still.finish();
  await expectPicture(await still.picture(), "monitor-finished", info);
});
