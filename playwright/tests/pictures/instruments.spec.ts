import { expectPicture } from "../../pictures";
import { EXPERTS_RECORDING, HEAD, STEPS, test } from "../../still";

/** Each instrument on the whole screen, without the nebula: early in the run, and where the model hesitates. */

test.describe.configure({ timeout: 240_000 });
test.use({ viewport: { width: 1024, height: 640 } });

for (const id of ["attention", "entropy", "flow", "kv", "memory", "pulse", "rope", "waterfall"]) {
  test(`${id}: few tokens, and many`, async ({ still }, info) => {
    await still.open({ view: "hud", focus: id, head: HEAD });
    if (id === "kv") await still.fetched("kv_wide");
    await still.at(STEPS.start);
    await expectPicture(await still.picture(), `${id}-start`, info);
    await still.at(STEPS.uncertain);
    await expectPicture(await still.picture(), `${id}-uncertain`, info);
  });
}

test("experts: few tokens, and many", async ({ still }, info) => {
  // Of layer 5: the map marks it, and the list and the load at its right are its own.
  await still.open({ view: "hud", focus: "experts", head: [5, 0], recording: EXPERTS_RECORDING });
  await still.at(STEPS.start);
  await expectPicture(await still.picture(), "experts-start", info);
  await still.finish();
  await expectPicture(await still.picture(), "experts-end", info);
});
