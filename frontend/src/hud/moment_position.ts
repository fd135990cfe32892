import type { AppState } from "../state/state";

/** Position of the query that the moment on show was computed for; null before anything was. */
export function shownPosition({ run, selection }: AppState): number | null {
  if (!run) return null;
  const prompt = run.started.prompt_ids.data.length;
  const step = selection.step ?? run.count - 1;
  return Math.max(0, prompt + Math.max(step, 0) - 1);
}

/** The step whose query stands at `position`; null for a position of the prompt, or one that is yet to come. */
export function stepAt({ run }: AppState, position: number): number | null {
  if (!run) return null;
  const step = position - run.started.prompt_ids.data.length + 1;
  return step >= 0 && step < run.count ? step : null;
}
