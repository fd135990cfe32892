import { expect, it } from "vitest";
import { ARRANGEMENTS } from "../hud/arrangement";
import { instrumentOf } from "../hud/instruments";
import { layout } from "../hud/layout";
import { createState } from "../state/initial";
import { headSelected, optionSet, presetChosen, viewChosen } from "../state/reduce";
import type { ModelInfo } from "../telemetry/protocol.gen";
import { Wants, wantOf } from "./wants";

function panelsOf(preset: keyof typeof ARRANGEMENTS) {
  const minimum = (id: string) => instrumentOf(id)?.minimum ?? null;
  const arrangement = ARRANGEMENTS[preset];
  const view = preset === "nebula" ? "nebula" : "both";
  return layout(1920, 1080, { view, arrangement, focus: null, minimum }).panels;
}

it("asks for what is on show, and for nothing else", () => {
  const state = createState();
  presetChosen(state, "nebula");
  expect(wantOf(state, panelsOf("nebula"), false)).toEqual({
    kind: "want",
    parts: ["distribution"],
    attention: [],
  });
  presetChosen(state, "monitor");
  expect(wantOf(state, panelsOf("monitor"), false).parts).toEqual(["cache", "distribution", "memory"]);
  presetChosen(state, "everything");
  const all = wantOf(state, panelsOf("everything"), false).parts;
  for (const part of ["cache", "distribution", "heads", "layers", "memory"]) expect(all).toContain(part);
  expect(wantOf(state, panelsOf("everything"), true)).toEqual({ kind: "want", parts: [], attention: [] });
});

it("follows the selection with the head it asks for, and says a thing once", () => {
  const state = createState();
  state.model = { n_layer: 30, n_head: 9 } as ModelInfo;
  const panels = panelsOf("everything");
  const wants = new Wants();
  headSelected(state, 23, 5);
  expect(wants.update(state, panels, false)!.attention).toContainEqual([23, 5]);
  expect(wants.update(state, panels, false)).toBeNull();
  headSelected(state, 3, 1);
  const next = wants.update(state, panels, false)!.attention;
  expect(next).toContainEqual([3, 1]);
  expect(next).not.toContainEqual([23, 5]);
});

it("follows what an instrument shows: a mode, another panel, a hidden page", () => {
  const state = createState();
  state.model = { n_layer: 30, n_head: 9 } as ModelInfo;
  headSelected(state, 2, 1);
  const panels = panelsOf("attention").filter(({ id }) => id === "flow");
  const wants = new Wants();
  expect(wants.update(state, panels, false)!.attention).toEqual([[2, 1]]);
  optionSet(state, "flow.mode", "rollout");
  expect(wants.update(state, panels, false)!.attention).toEqual([]);
  optionSet(state, "flow.mode", null);
  expect(wants.update(state, panels, false)!.attention).toEqual([[2, 1]]);
  state.model = { n_layer: 30, n_head: 0 } as ModelInfo;
  expect(wants.update(state, panels, false)!.attention).toEqual([]);
  const others = panelsOf("monitor");
  expect(wants.update(state, others, false)!.parts).toContain("memory");
  expect(wants.update(state, others, true)!.parts).toEqual([]);
  viewChosen(state, "hud");
  expect(wants.update(state, others, false)!.parts).toEqual(["cache", "memory"]);
});
