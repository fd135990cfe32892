import { expectPicture } from "../../pictures";
import { STEPS, test } from "../../still";

test.describe.configure({ timeout: 180_000 });

test("a sure step is a point", async ({ still }, info) => {
  await still.open({ view: "nebula" });
  await still.at(STEPS.confident);
  await expectPicture(await still.picture(), "nebula-confident", info);
});

test("an unsure step is a cloud", async ({ still }, info) => {
  await still.open({ view: "nebula" });
  await still.at(STEPS.uncertain);
  await expectPicture(await still.picture(), "nebula-uncertain", info);
});

test("between two steps the light is on its way", async ({ still }, info) => {
  await still.open({ view: "nebula" });
  await still.at(STEPS.uncertain - 1);
  await still.feed(STEPS.uncertain);
  await still.after(0);
  await still.after(0.03);
  await expectPicture(await still.picture(), "nebula-between", info);
});

test("the last tokens leave a trail", async ({ still }, info) => {
  await still.open({ view: "nebula" });
  // The light of one step only, but the path of twenty.
  await still.at(STEPS.middle);
  await expectPicture(await still.picture(), "nebula-trail", info);
});

test("half way from PCA to UMAP", async ({ still }, info) => {
  await still.open({ view: "nebula" });
  await still.positions("pca");
  await still.at(STEPS.uncertain);
  await expectPicture(await still.picture(), "nebula-pca", info);
  await still.positions("umap");
  await still.after(0);
  await still.after(0.8);
  await expectPicture(await still.picture(), "nebula-morph", info);
});

test.describe("on twice as many pixels", () => {
  test.use({ deviceScaleFactor: 2, viewport: { width: 480, height: 270 } });

  test("the picture is the same, but finer", async ({ still }, info) => {
    await still.open({ view: "nebula" });
    await still.at(STEPS.uncertain);
    await expectPicture(await still.picture(), "nebula-2x", info);
  });
});
