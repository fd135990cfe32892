import type { Progress, RunState } from "../telemetry/protocol.gen";
import type { AppState, TokenRow } from "./state";

/** What the page as a whole is doing, in the order in which one hides the other. */
export type Activity = "offline" | "failed" | "no-model" | "loading" | "idle" | RunState["phase"];

/** The one word for the whole page. */
export function activity(state: AppState): Activity {
  const { phase } = state.connection;
  if (phase !== "open" && phase !== "replay") return "offline";
  if (loadProgress(state)) return "loading";
  if (!state.model) return state.problem ? "failed" : "no-model";
  return state.run?.state?.phase ?? (state.run ? "prefill" : "idle");
}

/** How far the loading of a model is; null when none is loading. */
export function loadProgress(state: AppState): Progress | null {
  const load = state.progress.get("load");
  return load && !load.done ? load : null;
}

/** There is a model, and it can be told to run. */
export function mayRun(state: AppState): boolean {
  return mayControl(state) && state.model !== null && !loadProgress(state);
}

/** A run is under way: it can be stopped, and paused or resumed. */
export function isRunning(state: AppState): boolean {
  const now = activity(state);
  return now === "prefill" || now === "running" || now === "paused";
}

/** The token of a step; undefined when it is not held any more, or not yet. */
export function tokenAt(state: AppState, step: number): TokenRow | undefined {
  const newest = state.tokens.at(-1);
  if (!newest) return undefined;
  const index = state.tokens.length - 1 - (newest.event.step - step);
  return index < 0 ? undefined : state.tokens.at(index);
}

/** The pinned token, or the newest. */
export function selectedToken(state: AppState): TokenRow | undefined {
  const { step } = state.selection;
  return step === null ? state.tokens.at(-1) : tokenAt(state, step);
}

/** What stands behind the page for something to be done: who runs its server, or who may run the model there. */
export type Needs = "owner" | "controller";

/** The page can offer that. Of one whose rights it does not know it says so when it is tried. */
export function offers({ alone, right }: AppState, needs: Needs | undefined): boolean {
  if (needs === undefined) return true;
  return !alone && (right === "" || right === "owner" || right === needs);
}

/** The page may change the run. */
export function mayControl(state: AppState): boolean {
  return state.control && state.connection.phase === "open";
}
