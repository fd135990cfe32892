import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createState } from "../state/initial";
import { apply, problemDismissed } from "../state/reduce";
import type { AppState } from "../state/state";
import type { Frame } from "../telemetry/protocol.gen";
import type { Actions } from "./actions";
import { type Graphics, messagesFor, NoticeTime } from "./messages";
import { lastSentenceEnd } from "./mirror";

const ready: Graphics = { phase: "ready" };

/** A frame with a problem. */
function heard(code: string): Frame {
  const problem = { kind: "problem", code, message: "", hint: "" } as const;
  return { kind: "frame", number: 0, time: 0, first_seq: 0, events: [problem], state: [] };
}

function open(): AppState {
  const state = createState();
  state.connection = { phase: "open", retryAt: 0, message: "" };
  return state;
}

describe("messages", () => {
  it("are none when all is well", () => expect(messagesFor(open(), ready, null, 0)).toEqual([]));

  it("name each failure and its way back", () => {
    const state = open();
    state.connection = { phase: "waiting", retryAt: 12.2, message: "The connection was lost." };
    state.problem = { kind: "problem", code: "load", message: "It is truncated.", hint: "Fetch it again." };
    state.rejected = { message: "Nothing runs.", arrived: 9 };
    const graphics: Graphics = { phase: "failed", code: "no-adapter", message: "Refused.", hint: "Look." };
    const notice = { message: "No positions.", arrived: 9 };
    const specs = messagesFor(state, graphics, notice, 10);
    expect(specs.map((spec) => [spec.id, spec.ways.map((way) => way.label)])).toEqual([
      ["graphics", ["TRY AGAIN"]],
      ["connection", ["RETRY NOW"]],
      ["problem", ["CHOOSE A MODEL", "DISMISS"]],
      ["fetch", []],
      ["rejected", []],
    ]);
    expect(specs[1]!.ticking).toBe("Next attempt in 3 s");
    expect(specs[2]).toMatchObject({ text: "It is truncated.", hint: "Fetch it again." });
  });

  it("keep a refusal for its seconds from when it is first seen, however late that is", () => {
    const state = open();
    const time = new NoticeTime();
    const shownAt = (now: number): number => {
      time.begin(state, now);
      return messagesFor(state, ready, null, now).length;
    };
    expect(shownAt(1)).toBe(0);
    state.rejected = { message: "Nothing runs.", arrived: 2 };
    expect([30, 33, 35.9, 36.1].map(shownAt)).toEqual([1, 1, 1, 0]);
    state.rejected = { message: "Nothing runs.", arrived: 37 };
    expect([40, 45, 47].map(shownAt)).toEqual([1, 1, 0]);
  });

  it("offer to load a model again whose process has ended, and only to go on after lesser things", () => {
    const state = open();
    state.model = { id: "m" } as never;
    const labels = (code: string) => {
      state.problem = { kind: "problem", code, message: "", hint: "" };
      return messagesFor(state, ready, null, 0)[0]!.ways.map((way) => way.label);
    };
    expect(labels("killed")).toEqual(["LOAD AGAIN", "CHOOSE A MODEL", "DISMISS"]);
    expect(labels("nan")).toEqual(["DISMISS"]);
    expect(labels("model-refused")).toEqual(["DISMISS"]);
    expect(messagesFor(state, ready, null, 0)[0]!.title).toBe("That model can't be loaded");
    expect(labels("model-missing")).toEqual(["DISMISS"]);
    expect(labels("recording-stopped")).toEqual(["DISMISS"]);
    expect(messagesFor(state, ready, null, 0)[0]!.title).toBe("Recording has stopped");
  });

  it("say that the model has stopped of no problem that it survives", () => {
    const state = open();
    state.model = { id: "m" } as never;
    const backend = join(import.meta.dirname, "../../../backend/cloudchamber");
    const sources = readdirSync(backend, { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".py"))
      .map((path) => readFileSync(join(backend, path), "utf8"));
    const codes = new Set(
      sources.flatMap((text) => [...text.matchAll(/\bcode="([\w-]+)"/g)].map(([, code]) => code!)),
    );
    expect(codes.size).toBeGreaterThan(8);
    for (const code of codes) {
      state.problem = state.room = null;
      apply(state, heard(code), 0);
      const { title } = messagesFor(state, ready, null, 0)[0]!;
      expect(title === "The model has stopped", code).toBe(code === "load-failed");
    }
  });

  it("stay while the next attempt is under way, and are none before the first has failed", () => {
    const state = open();
    state.connection = { phase: "connecting", retryAt: 0, message: "Connecting." };
    expect(messagesFor(state, ready, null, 0)).toEqual([]);
    state.connection = { phase: "connecting", retryAt: 9, message: "Lost." };
    expect(messagesFor(state, ready, null, 9)[0]).toMatchObject({ text: "Lost.", ticking: "Connecting" });
  });

  it("let a refusal go after a while", () => {
    const state = open();
    state.rejected = { message: "No.", arrived: 0 };
    expect(messagesFor(state, ready, null, 5)).toHaveLength(1);
    expect(messagesFor(state, ready, null, 7)).toHaveLength(0);
  });

  it("say when the page and the server do not match, and when a recording is over", () => {
    const state = open();
    state.connection = { phase: "closed", retryAt: 0, message: "Reload." };
    expect(messagesFor(state, ready, null, 0)[0]!.ways[0]!.label).toBe("RELOAD");
    state.connection = { phase: "replay", retryAt: 0, message: "" };
    expect(messagesFor(state, ready, null, 0)).toEqual([]);
    state.connection = { phase: "replay", retryAt: 0, message: "Over." };
    expect(messagesFor(state, ready, null, 0)[0]!.ways[0]!.label).toBe("PLAY AGAIN");
  });
});

it("says that recording has stopped although there is little room, too", () => {
  const state = open();
  state.model = { id: "m" } as never;
  for (const code of ["recording-stopped", "sessions-go-next"]) apply(state, heard(code), 0);
  const titles = () => messagesFor(state, ready, null, 0).map(({ title }) => title);
  expect(titles()).toEqual(["Recording has stopped", "Little room for sessions"]);
  const actions = {
    dismissProblem: (which: "problem" | "room" = "problem") => problemDismissed(state, which),
  };
  messagesFor(state, ready, null, 0)[0]!.ways[0]!.go(actions as Actions);
  expect(titles()).toEqual(["Little room for sessions"]);
  messagesFor(state, ready, null, 0)[0]!.ways[0]!.go(actions as Actions);
  expect(titles()).toEqual([]);
});

it("asks again for a part of a kept run, and anew for a page that is let in no more", () => {
  const state = open();
  const asked: string[] = [];
  const actions = { retryConnection: () => asked.push("retry"), reload: () => asked.push("reload") };
  for (const phase of ["replay", "closed"] as const) {
    state.connection = { phase, retryAt: 0, message: "No.", refused: "It can't be had" };
    messagesFor(state, ready, null, 0)[0]!.ways[0]!.go(actions as unknown as Actions);
  }
  expect(asked).toEqual(["retry", "reload"]);
});

describe("sentences", () => {
  it.each([
    ["no end", 0],
    ["One. Two", 5],
    ["He said “no.” Then", 14],
    ["3.14 is", 0],
    ["a\nb", 2],
    ["終わり。 次", 5],
  ])("%j end at %i", (text, end) => expect(lastSentenceEnd(text)).toBe(end));
});
