import { expect, it } from "vitest";
import { readUrl, writeUrl } from "./url_state";

it("reads what it wrote", () => {
  const state = { view: "nebula", layer: 23, head: 5 } as const;
  expect(readUrl(writeUrl("", state))).toEqual(state);
});

it("leaves defaults out and other parameters alone", () => {
  expect(writeUrl("?clock=manual&view=hud&layer=3", { view: "both", layer: 0, head: 0 })).toBe(
    "?clock=manual",
  );
  expect(writeUrl("?view=hud", { view: "both", layer: 0, head: 0 })).toBe("");
});

it.each(["?view=everything", "?layer=-1", "?layer=1e3", "?head=99999", "?view=&layer=&head="])(
  "takes %s for nothing",
  (search) => expect(readUrl(search)).toEqual({ view: "both", layer: 0, head: 0 }),
);
