import { describe, expect, it } from "vitest";
import { recorded, stateAfter } from "../../test/monitor_run";
import type { TokenGenerated } from "../telemetry/protocol.gen";
import { Ring } from "./ring";
import type { AppState, TokenRow } from "./state";
import { PAGE, TokenHistory } from "./token_history";

const token = recorded.find((event): event is TokenGenerated => event.kind === "token")!;

/** A run of `count` tokens of which the page holds the newest 100. */
function longRun(count: number): AppState {
  const state = stateAfter(0);
  const tokens = new Ring<TokenRow>(100);
  for (let step = count - 100; step < count; step++)
    tokens.push({ event: { ...token, step }, arrived: step });
  state.run!.count = count;
  return { ...state, tokens };
}

const page = (start: number, stop: number): TokenGenerated[] =>
  Array.from({ length: stop - start }, (_, i) => ({ ...token, step: start + i }));

describe("tokens of a long run", () => {
  it("come from the page while it holds them, and are asked for page by page when not", () => {
    const asked: [number, number][] = [];
    const history = new TokenHistory((start, stop) => asked.push([start, stop]));
    const state = longRun(1000);
    expect(history.at(state, 950, 0)!.step).toBe(950);
    expect([history.at(state, -1, 0), history.at(state, 1000, 0), asked.length]).toEqual([null, null, 0]);
    expect(history.at(state, 300, 0)).toBeNull();
    expect(history.at(state, 301, 0.1)).toBeNull();
    expect(asked).toEqual([[PAGE, 2 * PAGE]]);
    history.deliver(state.run!.started.run_id, PAGE, page(PAGE, 2 * PAGE));
    expect(history.at(state, 300, 0.2)!.step).toBe(300);
    expect(asked).toHaveLength(1);
  });

  it("are asked for again when they did not come, and not of another run", () => {
    const asked: number[] = [];
    const history = new TokenHistory((start) => asked.push(start));
    const state = longRun(1000);
    history.at(state, 0, 0);
    history.at(state, 0, 2);
    history.at(state, 0, 4);
    expect(asked).toEqual([0, 0]);
    history.deliver("another run", 0, page(0, PAGE));
    expect(history.at(state, 0, 4.1)).toBeNull();
  });

  it("are forgotten again: the pages held do not grow with the run", () => {
    const asked: number[] = [];
    const history = new TokenHistory((start) => asked.push(start));
    const state = longRun(100_000);
    const id = state.run!.started.run_id;
    for (let step = 0; step < 20 * PAGE; step += PAGE) {
      history.at(state, step, 0);
      history.deliver(id, step, page(step, step + PAGE));
    }
    expect(asked).toHaveLength(20);
    expect(history.at(state, 19 * PAGE, 1)!.step).toBe(19 * PAGE);
    expect(history.at(state, 0, 1)).toBeNull();
    expect(asked).toHaveLength(21);
  });
});
