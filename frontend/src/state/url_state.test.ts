import { expect, it } from "vitest";
import { readUrl, type UrlState, writeUrl } from "./url_state";

const HOME: UrlState = {
  view: "both",
  preset: "everything",
  focus: null,
  layer: null,
  head: null,
  step: null,
  camera: null,
  options: new Map(),
};

it("reads what it wrote", () => {
  const state: UrlState = {
    view: "hud",
    preset: "attention",
    focus: "waterfall",
    layer: 23,
    head: 5,
    step: 0,
    camera: [0.35, -0.2, 1.5, 0.125, 0],
    options: new Map([
      ["attention.mode", "mean"],
      ["flow.threshold", "0.02"],
    ]),
  };
  expect(readUrl(writeUrl("", state))).toEqual(state);
  expect(readUrl(writeUrl("?view=hud&step=7&flow.mode=head&focus=kv", state))).toEqual(state);
});

it("takes the nebula alone for a preset, however it is named", () => {
  expect(readUrl("?view=nebula")).toMatchObject({ view: "nebula", preset: "nebula" });
  expect(readUrl("?preset=nebula&view=hud")).toMatchObject({ view: "nebula", preset: "nebula" });
});

it("names the first head too where one was named, and the other half of a head that is named in half", () => {
  expect(writeUrl("", { ...HOME, layer: 0, head: 0 })).toBe("?layer=0&head=0");
  expect(readUrl("?layer=7")).toMatchObject({ layer: 7, head: 0 });
  expect(readUrl("?head=7&layer=x")).toMatchObject({ layer: 0, head: 7 });
});

it("leaves defaults out and other parameters alone", () => {
  expect(writeUrl("?clock=manual&view=hud&layer=3&kv.layer=2", HOME)).toBe("?clock=manual");
  expect(writeUrl("?view=hud", HOME)).toBe("");
});

it.each([
  "?view=everything",
  "?layer=-1",
  "?layer=1e3",
  "?head=99999",
  "?view=&layer=&head=",
  "?preset=none&focus=%3Cscript%3E&step=-2",
  "?camera=1_2_3_4",
  "?camera=1_2_3_4_NaN",
  `?attention.mode=${"x".repeat(100)}`,
])("takes %s for nothing", (search) => expect(readUrl(search)).toEqual(HOME));
