import "../app/platform";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { Drawn } from "../../test/drawn";
import { instrumentRun, stateOf } from "../../test/instrument_run";
import { stateAfter } from "../../test/monitor_run";
import type { AppState } from "../state/state";
import { wrap } from "./explanation";
import { termOf } from "./glossary";
import { INSTRUMENTS } from "./instruments";
import { loadWide } from "./kv/kv";
import { loadTerms, TermPlaces } from "./term_places";
import { ATTENTION_TERMS } from "./terms/attention_terms";
import { LAYERS_TERMS } from "./terms/layers_terms";
import { MEMORY_TERMS } from "./terms/memory_terms";
import { RUN_TERMS } from "./terms/run_terms";

beforeAll(loadTerms);
beforeAll(loadWide);

it.each(INSTRUMENTS.flatMap(({ title, short }) => [title, short]))("explains %s", (title) => {
  expect(termOf(title, true)!.says).toMatch(/\w.*\.$/);
});

it("has one explanation for a caption", () => {
  const all = [...RUN_TERMS, ...ATTENTION_TERMS, ...LAYERS_TERMS, ...MEMORY_TERMS];
  const labels = all.flatMap(([, named]) => named);
  expect(labels.filter((label, i) => labels.indexOf(label) !== i)).toEqual([]);
});

it("tells a panel's heading and tab from a caption of the same word", () => {
  expect(termOf("ATTENTION", true)!.name).not.toBe(termOf("ATTENTION", false)!.name);
  expect(termOf("ENTROPY", true)!.name).toBe("Attention entropy");
  expect(termOf("ENTROPY", false)!.name).toBe("Entropy");
  expect(termOf("anything else", false)).toBeUndefined();
});

it("knows a caption by what stands before its numbers", () => {
  expect(termOf("time per token · full bar 40.0 ms", false)!.name).toBe("Time per token");
  expect(termOf("keys 24.8 KiB / 1.5 MiB", false)!.name).toBe("Keys and values");
  expect(termOf("L2 norm · log 1 – 1000", false)!.name).toBe("Norm");
  expect([termOf("L23 · H5", false), termOf("4 096 cells", false), termOf("12", false)]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

/** Captions without a number that name no quantity: how something is drawn, and what is not there. */
const NOTES = new Set([
  "",
  "all in the host's memory",
  "bar: all of its memory · dark: others",
  "cells no row",
  "length reached",
  "line: mean of heads · band: least to greatest · nats",
  "nats",
  "one column a position · grey line: ln n, the most there can be",
  "program, libraries, taps",
  "program, libraries, tokenizer, what the taps keep",
  "sampled lit",
  "the load was not recorded",
  "thin bar: bytes of all cells, lit as far as in use",
]);

describe("on recorded runs", () => {
  const monitored = stateAfter(24);
  const states: Record<string, AppState> = {
    smollm2: Object.assign(stateOf(instrumentRun("smollm2").events), { memory: monitored.memory }),
    gpt_oss: stateOf(instrumentRun("gpt_oss").events),
    mixtral: stateOf(instrumentRun("mixtral").events),
  };
  // The head whose rows were recorded.
  Object.assign(states.smollm2!.selection, { layer: 23, head: 5 });

  /** Captions that an instrument writes, in the cockpit and on the whole screen. */
  function captionsOf(id: string): string[] {
    const found = new Set<string>();
    const noted = vi
      .spyOn(TermPlaces.prototype, "note")
      .mockImplementation((label, heads) => void (heads || found.add(label)));
    const instrument = INSTRUMENTS.find((one) => one.id === id)!;
    for (const state of Object.values(states)) {
      new Drawn(instrument, state);
      new Drawn(instrument, state, { x: 16, y: 60, width: 1888, height: 944 });
    }
    noted.mockRestore();
    return [...found];
  }

  it.each(["waterfall", "attention", "flow", "entropy"])("takes no token of %s for a quantity", (id) => {
    const { smollm2 } = states;
    const { vocabulary } = smollm2!;
    smollm2!.vocabulary = { label: () => "·offset" } as unknown as AppState["vocabulary"];
    expect(captionsOf(id)).not.toContain("offset");
    smollm2!.vocabulary = vocabulary;
  });

  it.each(INSTRUMENTS.map(({ id }) => id))("explains every quantity that %s names", (id) => {
    const captions = captionsOf(id);
    const unknown = captions.filter(
      (label) => !/\d/.test(label) && !termOf(label, false) && !NOTES.has(label),
    );
    expect(unknown).toEqual([]);
  });
});

describe("the places of captions", () => {
  it("finds the one under the pointer, the topmost first, in this frame only", () => {
    const places = new TermPlaces();
    places.note("ENTROPY", false, new Float64Array([100, 50, 60, 0]), 10);
    places.note("seaweed", false, new Float64Array([300, 50, 60, 0]), 10);
    places.note("SEED", false, new Float64Array([130, 50, 30, 0]), 10);
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
});

it("breaks a sentence into lines and loses no word", () => {
  const words = "How undecided the model is: 0 when it is sure";
  const lines = wrap(words, 12);
  expect(lines.join(" ")).toBe(words);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(12);
});
