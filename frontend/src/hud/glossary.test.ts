import { expect, it } from "vitest";
import { wrap } from "./explanation";
import { termOf } from "./glossary";
import { INSTRUMENTS } from "./instruments";
import { TermPlaces } from "./term_places";

it.each(INSTRUMENTS.map(({ title }) => title))("explains %s", (title) => {
  expect(termOf(title, true)!.says).toMatch(/\w.*\.$/);
});

it("tells a panel's heading from a caption of the same word", () => {
  expect(termOf("ATTENTION", true)!.name).not.toBe(termOf("ATTENTION", false)!.name);
  expect(termOf("anything else", false)).toBeUndefined();
});

it("finds the caption under the pointer, the topmost first, in this frame only", () => {
  const places = new TermPlaces();
  places.note("ENTROPY", false, 100, 50, 60, 10);
  places.note("seaweed", false, 300, 50, 60, 10);
  places.note("SEED", false, 130, 50, 30, 10);
  expect(places.find(105, 46)?.name).toBe("Entropy");
  expect(places.find(140, 46)?.name).toBe("Seed");
  expect([places.find(310, 46), places.find(105, 70), places.find(Number.NaN, 46)]).toEqual([
    null,
    null,
    null,
  ]);
  places.reset();
  expect(places.find(105, 46)).toBeNull();
});

it("breaks a sentence into lines and loses no word", () => {
  const words = "How undecided the model is: 0 when it is sure";
  const lines = wrap(words, 12);
  expect(lines.join(" ")).toBe(words);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(12);
});
