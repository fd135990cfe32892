import { expect, it } from "vitest";
import { createState } from "../state/initial";
import type { AppState } from "../state/state";
import { News } from "./news";

/** A state, and whether it has news since it was last asked. */
function begin() {
  const state = createState();
  const news = new News();
  news.of(state);
  return { state, told: () => news.of(state) };
}

it("tells the first state, and then none that brings nothing", () => {
  const news = new News();
  const state = createState();
  expect([news.of(state), news.of(state)]).toEqual([true, false]);
});

it("is not what is only drawn", () => {
  const { state, told } = begin();
  state.distribution = {} as AppState["distribution"];
  state.memory = {} as AppState["memory"];
  state.skipped++;
  expect(told()).toBe(false);
});

it("is how the connection is, what may be done, and how the model and its run go", () => {
  const { state, told } = begin();
  const changes: (() => void)[] = [
    () => (state.connection = { ...state.connection, phase: "open" }),
    () => (state.right = "owner"),
    () => (state.control = !state.control),
    () => (state.model = {} as AppState["model"]),
    () => (state.problem = {} as AppState["problem"]),
    () => (state.room = {} as AppState["room"]),
    () => (state.rejected = { message: "no", arrived: 0 }),
    () => (state.run = { started: {}, state: null } as unknown as AppState["run"]),
    () => (state.run!.state = {} as never),
    () => state.progress.set("load", {} as never),
  ];
  for (const change of changes) {
    change();
    expect([change.toString(), told(), told()]).toEqual([change.toString(), true, false]);
  }
});
