import { expect, it } from "vitest";
import { createState } from "../state/initial";
import { readUrl, writeUrl } from "../state/url_state";
import { INSTRUMENTS } from "./instruments";
import { choose, chosen } from "./options";

const OPTIONS = INSTRUMENTS.flatMap(({ options }) => options ?? []);
const ADDRESS = {
  view: "both",
  preset: "everything",
  focus: null,
  layer: 0,
  head: 0,
  step: null,
  camera: null,
} as const;

it.each(OPTIONS.map((option) => [option.name, option] as const))(
  "%s: each choice goes through the address",
  (_, option) => {
    const state = createState();
    expect(new Set(option.choices.map(({ word }) => word)).size).toBe(option.choices.length);
    for (const { value } of option.choices) {
      choose(state, option, value);
      const { options } = readUrl(writeUrl("", { ...ADDRESS, options: state.options }));
      const other = createState();
      for (const [name, text] of options) other.options.set(name, text);
      expect(chosen(other, option)).toBe(value);
    }
    choose(state, option, option.choices[0]!.value);
    expect(state.options.size).toBe(0);
  },
);

it("takes no value that an option does not have", () => {
  const state = createState();
  const [option] = OPTIONS;
  choose(state, option!, "nonsense");
  expect([state.options.size, chosen(state, option!)]).toEqual([0, option!.choices[0]!.value]);
  state.options.set(option!.name, "nonsense");
  expect(chosen(state, option!)).toBe(option!.choices[0]!.value);
});
