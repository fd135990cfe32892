import { expectPicture } from "../../pictures";
import { HEAD, STEPS, test } from "../../still";

/** Each instrument on the whole screen, without the nebula: early in the run, and where the model hesitates. */

test.describe.configure({ timeout: 240_000 });
test.use({ viewport: { width: 1024, height: 640 } });

for (const id of ["attention", "entropy", "flow", "kv", "memory", "pulse", "rope", "waterfall"]) {
  test(`${id}: few tokens, and many`, async ({ still }, info) => {
    await still.open({ view: "hud", focus: id, head: HEAD });
    await still.at(STEPS.start);
    await expectPicture(await still.picture(), `${id}-start`, info);
    await still.at(STEPS.uncertain);
    await expectPicture(await still.picture(), `${id}-uncertain`, info);
  });
}
