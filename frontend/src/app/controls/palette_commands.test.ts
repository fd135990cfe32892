import { describe, expect, it, vi } from "vitest";
import { ARRANGEMENTS, type Arrangement } from "../../hud/arrangement";
import { instrumentOf } from "../../hud/instruments";
import { layout } from "../../hud/layout";
import { createState } from "../../state/initial";
import type { AppState, TokenRow } from "../../state/state";
import type { ModelInfo } from "../../telemetry/protocol.gen";
import type { Actions } from "../actions";
import { commandsFor, matching } from "./palette_commands";

vi.mock("./announce", () => ({ announce: () => {} }));

const MODELS = [
  { id: "a", name: "SmolLM2 135M" },
  { id: "b", name: "Gemma 3 270M" },
];

function running(): AppState {
  const state = createState();
  state.control = true;
  state.connection = { phase: "open", retryAt: 0, message: "" };
  state.model = { id: "a", name: "SmolLM2 135M", n_layer: 30, n_head: 9 } as ModelInfo;
  for (let step = 0; step < 50; step++) state.tokens.push({ event: { step } } as TokenRow);
  return state;
}

/** What the first command found for `typed` does. */
function does(typed: string, state = running()): unknown[] {
  const done: unknown[] = [];
  const get =
    (_: object, name: string) =>
    (...words: unknown[]) =>
      done.push([name, ...words]);
  const actions = new Proxy({}, { get }) as Actions;
  matching(commandsFor(state, MODELS, typed), typed)[0]?.run(actions);
  return done;
}

describe("palette", () => {
  it.each([
    ["L23 H5", ["selectHead", 23, 5]],
    ["layer 4", ["selectHead", 4, 0]],
    ["l0 · h8", ["selectHead", 0, 8]],
    ["token 12", ["selectStep", 11]],
    ["t 50", ["selectStep", null]],
    ["memory preset", ["setPreset", "memory"]],
    ["focus waterfall", ["focus", "waterfall"]],
    ["kv show", ["showInstrument", "kv"]],
    ["attention focus", ["focus", "attention"]],
    ["attention flow focus", ["focus", "flow"]],
    ["gemma", ["load", "b"]],
    ["camera", ["resetCamera"]],
    ["where they were at first", ["resetArrangement"]],
  ])("finds %s", (typed, expected) => expect(does(typed)).toEqual([expected]));

  it.each(["L30 H0", "L1 H9", "token 0", "token 51", "smollm2", "zzz"])("finds nothing for %s", (typed) =>
    expect(does(typed)).toEqual([]),
  );

  it("moves and sizes the panels on show, and each instrument is still found first by its name", () => {
    const arrangement = ARRANGEMENTS.everything;
    const minimum = (id: string) => instrumentOf(id)?.minimum ?? null;
    const desk = {
      arrangement: () => arrangement,
      layout: () => layout(1920, 1080, { view: "both", arrangement, focus: null, minimum }),
    };
    const found = (typed: string) => matching(commandsFor(running(), MODELS, typed, desk), typed);
    const arranged: Arrangement[] = [];
    const actions = { arrange: (after: Arrangement) => arranged.push(after) } as unknown as Actions;
    expect(found("move attention left")[0]!.name).toBe("Move Attention left");
    found("move kv right")[0]!.run(actions);
    found("wider attention")[0]!.run(actions);
    expect(arranged[0]!.bottom.map(({ active }) => active)).toEqual(["waterfall", "kv"]);
    expect(arranged[1]!.rightShare).toBeGreaterThan(arrangement.rightShare);
    found("kv tabs of waterfall")[0]!.run(actions);
    expect(arranged[2]!.bottom.map(({ tabs }) => tabs.join("+"))).toEqual(["waterfall+kv"]);
    expect(found("attention flow")[0]).toMatchObject({ name: "Attention flow", kind: "focus instrument" });
    expect(found("attention")[0]).toMatchObject({ name: "Attention", kind: "preset" });
    expect(found("kv")[0]).toMatchObject({ kind: "focus instrument" });
    expect(found("")[0]).toMatchObject({ kind: "preset" });
  });

  it("offers nothing that only a page with control can do to one that watches", () => {
    const watching = running();
    watching.control = false;
    const kinds = new Set(commandsFor(watching, MODELS, "").map(({ kind }) => kind));
    expect(kinds.has("run") || kinds.has("load model")).toBe(false);
    expect(kinds.has("preset")).toBe(true);
  });
});

it("writes names as they are written", () => {
  const names = commandsFor(running(), MODELS, "").map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(["KV cache", "Positions · RoPE", "Network pulse"]));
});

it("offers what an instrument's options are not set to", () => {
  expect(does("attention maximum")).toEqual([
    ["setOption", expect.objectContaining({ name: "attention.mode" }), "max"],
  ]);
  const state = running();
  state.options.set("attention.mode", "mean");
  const named = commandsFor(state, MODELS, "").map(({ name }) => name);
  expect(named).toContain("Attention of: one head");
  expect(named).not.toContain("Attention of: the mean of the layer's heads");
});

it("offers nothing that needs a server where there is none", () => {
  const state = running();
  const keys = () => commandsFor(state, [], "").map(({ key }) => key);
  for (const key of ["O", "S", "/"]) expect(keys()).toContain(key);
  state.alone = true;
  for (const key of ["O", "S", "/", "M"]) expect(keys()).not.toContain(key);
  expect(keys()).toContain("P");
});

it("offers to each right what it may do", () => {
  const state = running();
  const offered = (right: string) => {
    state.right = right;
    const keys = new Set(commandsFor(state, [], "").map(({ key }) => key));
    return ["O", "S", "/", "P"].filter((key) => keys.has(key)).join("");
  };
  expect(["owner", "controller", "viewer", "file"].map(offered)).toEqual(["OS/P", "/P", "P", "P"]);
});
