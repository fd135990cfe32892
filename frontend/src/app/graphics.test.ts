import { expect, it } from "vitest";
import { GraphicsKeeper } from "./graphics";
import { type Picture, PictureError } from "./picture";

/** Pictures whose device is lost on call; the keeper never asks them for more than that. */
function bench() {
  let now = 0;
  const lose: ((message: string) => void)[] = [];
  let destroyed = 0;
  let fail: Error | null = null;
  const build = async () => {
    if (fail) throw fail;
    const lost = new Promise<string>((resolve) => lose.push(resolve));
    return { lost, destroy: () => destroyed++ } as unknown as Picture;
  };
  const ready: Picture[] = [];
  const keeper = new GraphicsKeeper(
    build,
    (picture) => ready.push(picture),
    () => {},
    () => now,
  );
  const settle = () => new Promise((done) => setTimeout(done, 0));
  return {
    keeper,
    ready,
    settle,
    destroyed: () => destroyed,
    async lose(at: number) {
      now = at;
      lose.at(-1)!("The driver crashed.");
      await settle();
    },
    failWith(error: Error | null) {
      fail = error;
    },
  };
}

it("builds a lost picture anew through the same path, and frees the old one", async () => {
  const b = bench();
  await b.keeper.start();
  const first = b.keeper.picture;
  await b.lose(1);
  expect(b.keeper.phase.phase).toBe("ready");
  expect(b.keeper.picture).not.toBe(first);
  expect([b.ready.length, b.destroyed(), b.keeper.rebuilds]).toEqual([2, 1, 1]);
});

it("waits for the person when the device is lost again and again, but not when that is rare", async () => {
  const b = bench();
  await b.keeper.start();
  await b.lose(1);
  await b.lose(100);
  await b.lose(101);
  expect(b.keeper.phase.phase).toBe("ready");
  await b.lose(102);
  expect(b.keeper.phase).toEqual({ phase: "lost", message: "The driver crashed." });
  expect(b.keeper.picture).toBeNull();
  b.keeper.retry();
  await b.settle();
  expect(b.keeper.phase.phase).toBe("ready");
});

it("says why there is no picture, and can try again", async () => {
  const b = bench();
  b.failWith(new PictureError("no-adapter", "Refused.", "Look at chrome://gpu."));
  await b.keeper.start();
  expect(b.keeper.phase).toEqual({
    phase: "failed",
    code: "no-adapter",
    message: "Refused.",
    hint: "Look at chrome://gpu.",
  });
  b.failWith(null);
  b.keeper.retry();
  expect(b.keeper.phase.phase, "no device was lost").toBe("starting");
  await b.settle();
  expect(b.keeper.phase.phase).toBe("ready");
});
