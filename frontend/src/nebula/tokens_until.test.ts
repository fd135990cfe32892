import { expect, it } from "vitest";
import { createState, TOKEN_CAPACITY } from "../state/initial";
import { stepSelected } from "../state/reduce";
import type { TokenRow } from "../state/state";
import { TokensUntil } from "./tokens_until";

function run(count: number) {
  const state = createState();
  for (let step = 0; step < count; step++) state.tokens.push({ event: { step }, arrived: step } as TokenRow);
  return state;
}

it("ends at the pinned token, and at the newest without one", () => {
  const state = run(10);
  const until = new TokensUntil();
  const steps = () => [
    until.length,
    until.at(0)?.event.step,
    until.at(-1)?.event.step,
    until.at(-2)?.event.step,
  ];
  until.follow(state);
  expect(steps()).toEqual([10, 0, 9, 8]);
  stepSelected(state, 4);
  until.follow(state);
  expect(steps()).toEqual([5, 0, 4, 3]);
  expect([until.at(5), until.at(-6)]).toEqual([undefined, undefined]);
  stepSelected(state, 0);
  expect(until.follow(state).length).toBe(1);
});

it("is empty before the first token, and where the page has forgotten the moment", () => {
  const until = new TokensUntil();
  expect(until.follow(createState()).at(-1)).toBeUndefined();
  const state = run(TOKEN_CAPACITY + 50);
  stepSelected(state, 20);
  expect(until.follow(state).length).toBe(0);
  stepSelected(state, 60);
  expect(until.follow(state).at(-1)?.event.step).toBe(60);
});
