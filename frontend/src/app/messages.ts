import type { AppState, Notice } from "../state/state";
import type { Problem } from "../telemetry/protocol.gen";
import type { Actions } from "./actions";

/** One thing a person must know, and the ways on from it. */
export interface MessageSpec {
  /** One at a time of each. */
  readonly id: string;
  readonly tone: "error" | "attention" | "plain";
  readonly title: string;
  readonly text: string;
  readonly hint: string;
  /** Changes every second; not read out. */
  readonly ticking: string;
  readonly ways: readonly Way[];
}

export interface Way {
  readonly label: string;
  go(actions: Actions): void;
}

/** How the GPU fares. */
export type Graphics =
  | { readonly phase: "starting" | "ready" | "rebuilding" }
  | { readonly phase: "failed"; readonly code: string; readonly message: string; readonly hint: string }
  /** Lost too often to try again unasked. */
  | { readonly phase: "lost"; readonly message: string };

/** Seconds a refusal stays on the screen. */
const NOTICE_SECONDS = 6;

/**
 * When a refusal's seconds begin: when it is first seen. Where a frame takes long, the first above all, they would be
 * over before.
 */
export class NoticeTime {
  private seen: Notice | null = null;

  /** The page is about to show what the state holds, at `now`. */
  begin(state: AppState, now: number): void {
    if (state.rejected === this.seen) return;
    this.seen = state.rejected && { ...state.rejected, arrived: now };
    state.rejected = this.seen;
  }
}

/** Nearly always. */
const NOTHING: readonly MessageSpec[] = [];

/** Everything there is to say now, the gravest first. A pure function: what is shown follows from it. */
export function messagesFor(
  state: AppState,
  graphics: Graphics,
  fetching: Notice | null,
  now: number,
): readonly MessageSpec[] {
  const { connection, problem, room, rejected } = state;
  const calm = connection.phase === "open" && !problem && !room && !rejected && !fetching;
  if (calm && graphics.phase === "ready") return NOTHING;
  const specs: (MessageSpec | null)[] = [
    graphicsMessage(graphics),
    connectionMessage(state, now),
    problemMessage(state),
    room && roomMessage(room),
    fetching && fetchMessage(fetching),
    rejectedMessage(state, now),
  ];
  return specs.filter((spec) => spec !== null);
}

function graphicsMessage(graphics: Graphics): MessageSpec | null {
  const again: Way = { label: "TRY AGAIN", go: (actions) => actions.rebuildGraphics() };
  switch (graphics.phase) {
    case "rebuilding":
      return plain("graphics", "attention", "The graphics device was lost", "Building the picture anew.");
    case "lost": {
      const text = `${graphics.message} It was lost several times in a row, so the page waits for you.`;
      return { ...plain("graphics", "error", "The graphics device was lost", text), ways: [again] };
    }
    case "failed": {
      const title = GRAPHICS_TITLES[graphics.code] ?? "The graphics could not be started";
      const ways = graphics.code === "no-adapter" || graphics.code === "device-failed" ? [again] : [];
      return { ...plain("graphics", "error", title, graphics.message), hint: graphics.hint, ways };
    }
    default:
      return null;
  }
}

const GRAPHICS_TITLES: Record<string, string> = {
  "no-webgpu": "No WebGPU, no picture",
  insecure: "WebGPU needs a secure page",
  "no-adapter": "The graphics adapter was refused",
};

function connectionMessage(state: AppState, now: number): MessageSpec | null {
  const { phase, message, retryAt, refused } = state.connection;
  if (refused) {
    // Of a kept run a part can be had again; a page that was let in no more has to come anew.
    const go: Way["go"] = (actions) => (phase === "replay" ? actions.retryConnection() : actions.reload());
    const again: Way = { label: "TRY AGAIN", go };
    const hint = state.run ? "What was received stays on show." : "";
    return { ...plain("connection", "error", refused, message), hint, ways: [again] };
  }
  if (phase === "waiting" || (phase === "connecting" && retryAt > 0)) {
    const seconds = Math.max(0, Math.ceil(retryAt - now));
    return {
      ...plain("connection", "attention", "The server is gone", message),
      hint: "What was received stays; the page goes on where it stopped as soon as the server is back.",
      ticking: phase === "waiting" ? `Next attempt in ${seconds} s` : "Connecting",
      ways: [{ label: "RETRY NOW", go: (actions) => actions.retryConnection() }],
    };
  }
  if (phase === "closed") {
    const reload: Way = { label: "RELOAD", go: (actions) => actions.reload() };
    return {
      ...plain("connection", "error", "This page and the server do not match", message),
      ways: [reload],
    };
  }
  if (phase === "replay" && message !== "") {
    const again: Way = { label: "PLAY AGAIN", go: (actions) => actions.replayAgain() };
    return { ...plain("connection", "plain", "The recording has ended", message), ways: [again] };
  }
  return null;
}

const REFUSED = "That model can't be loaded";
/** Problems of one run, or of something the model can do without, and their titles; all others end the model's process. */
const PASSING: Readonly<Record<string, string>> = {
  nan: "",
  decode: "",
  template: "",
  "logits-log": "",
  positions: "",
  "model-refused": REFUSED,
  "model-missing": REFUSED,
  "recording-stopped": "Recording has stopped",
  "session-incomplete": "A session lacks a part",
};

function problemMessage(state: AppState): MessageSpec | null {
  const { problem, model } = state;
  if (!problem) return null;
  const dismiss: Way = { label: "DISMISS", go: (actions) => actions.dismissProblem() };
  const passing = PASSING[problem.code];
  if (model && passing !== undefined) {
    const message = plain("problem", "attention", passing || "Something went wrong", problem.message);
    return { ...message, hint: problem.hint, ways: [dismiss] };
  }
  const again: Way = { label: "LOAD AGAIN", go: (actions) => model && actions.load(model.id) };
  const choose: Way = { label: "CHOOSE A MODEL", go: (actions) => actions.chooseModel() };
  const message = plain(
    "problem",
    "error",
    model ? "The model has stopped" : "The model can't run",
    problem.message,
  );
  return { ...message, hint: problem.hint, ways: model ? [again, choose, dismiss] : [choose, dismiss] };
}

function roomMessage({ message, hint }: Problem): MessageSpec {
  const ways: Way[] = [{ label: "DISMISS", go: (actions) => actions.dismissProblem("room") }];
  return { ...plain("room", "attention", "Little room for sessions", message), hint, ways };
}

function fetchMessage(notice: Notice): MessageSpec {
  return plain("fetch", "attention", "Part of the picture is missing", notice.message);
}

function rejectedMessage(state: AppState, now: number): MessageSpec | null {
  const { rejected } = state;
  if (!rejected || now - rejected.arrived > NOTICE_SECONDS) return null;
  const { title } = rejected;
  return plain("rejected", title ? "plain" : "attention", title ?? "Not done", rejected.message);
}

function plain(id: string, tone: MessageSpec["tone"], title: string, text: string): MessageSpec {
  return { id, tone, title, text, hint: "", ticking: "", ways: [] };
}
