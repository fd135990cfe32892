import { decodePng } from "../../compare";
import { expect, test } from "../../session";

test.use({ viewport: { width: 1280, height: 800 } });

/** Channels that differ at all, and by how much at most. */
function difference(a: Buffer, b: Buffer): { count: number; most: number } {
  const [one, other] = [decodePng(a).data, decodePng(b).data];
  let [count, most] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    const by = Math.abs(one[i]! - other[i]!);
    if (by > 0) count++;
    most = Math.max(most, by);
  }
  return { count, most };
}

const LOOK = { layer: "23", head: "5" };

for (const time of [0.21, 1.27, 1.9]) {
  test(`the picture of ${time} s is the same however one comes there`, async ({ replay }, info) => {
    test.setTimeout(300_000);
    const pictures: Buffer[] = [];
    const take = async (name: string) => {
      await replay.rest();
      const picture = await replay.picture();
      await info.attach(name, { body: picture, contentType: "image/png" });
      pictures.push(picture);
    };
    await replay.openSession(LOOK);
    await replay.play(time, 20);
    await take("played");
    await replay.openSession(LOOK);
    await replay.show(time);
    await take("from before");
    await replay.openSession(LOOK);
    await replay.show(2.05);
    await replay.after(0.5);
    await replay.show(time);
    await take("from after");
    expect(difference(pictures[2]!, pictures[1]!)).toEqual({ count: 0, most: 0 });
    // Played, the light has come from more keyframes than a jump looks back on: a rounding of the last bit.
    const played = difference(pictures[0]!, pictures[1]!);
    expect(played.most).toBeLessThanOrEqual(1);
    expect(played.count).toBeLessThanOrEqual(16);
  });
}

test("another time is another picture", async ({ replay }) => {
  await replay.openSession(LOOK);
  await replay.show(1.27);
  await replay.rest();
  const one = await replay.picture();
  await replay.show(1.28);
  await replay.rest();
  expect(difference(await replay.picture(), one).count).toBeGreaterThan(1000);
});
