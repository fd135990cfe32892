import { describe, expect, it } from "vitest";
import { stateAfter } from "../../test/monitor_run";
import type { AppState } from "../state/state";
import { RunText } from "./run_text";

const text = (state: AppState, run = new RunText(() => 1)): string[] =>
  run.follow(state, 200).lines.map((line) => line.spans.map((s) => s.text).join(""));

function withBytes(state: AppState, step: number, bytes: number[]): void {
  const row = state.tokens.at(step)!;
  (row as { event: unknown }).event = { ...row.event, token_bytes: Uint8Array.from(bytes) };
}

describe("run text", () => {
  it("shows the prompt, and the answer on its own line", () => {
    const [prompt, answer] = text(stateAfter(8));
    expect(prompt).toBe("Name a colour.");
    expect(answer).toBe('The "red" colour is not a');
  });

  it("grows token by token to the same text as at once", () => {
    const growing = new RunText(() => 1);
    for (let n = 0; n <= 24; n++) text(stateAfter(n), growing);
    expect(text(stateAfter(24), growing)).toEqual(text(stateAfter(24)));
  });

  it("joins a character whose bytes are split over tokens", () => {
    const state = stateAfter(3);
    const party = [...new TextEncoder().encode("🎉")];
    withBytes(state, 0, party.slice(0, 1));
    withBytes(state, 1, party.slice(1, 3));
    withBytes(state, 2, party.slice(3));
    expect(text(state)[1]).toBe("🎉");
  });

  it("starts anew for another run, another width, and a run that went back", () => {
    const run = new RunText(() => 1);
    text(stateAfter(20), run);
    expect(text(stateAfter(5), run)).toEqual(text(stateAfter(5)));
    const other = stateAfter(2);
    (other.run as { started: unknown }).started = { ...other.run!.started, run_id: "other", prompt: "Hi." };
    expect(text(other, run)).toEqual(["Hi.", 'The "']);
    expect(run.follow(other, 40).columns).toBe(40);
  });

  it("names a control token instead of hiding it", () => {
    const state = stateAfter(2);
    const row = state.tokens.at(1)!;
    (row as { event: unknown }).event = {
      ...row.event,
      eog: true,
      token_text: "<|im_end|>",
      token_bytes: new Uint8Array(),
    };
    const lines = new RunText(() => 1).follow(state, 80).lines;
    expect(lines[1]!.spans[1]).toMatchObject({ kind: "mark", text: "<|im_end|>", step: 1 });
  });
});
