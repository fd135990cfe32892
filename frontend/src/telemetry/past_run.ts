import type { Manifest, Timeline } from "./archive.gen";
import type { Distribution, RunState, TokenGenerated } from "./protocol.gen";

/** A kept run as it was before the frames that follow. */
export interface PastRun {
  readonly manifest: Manifest;
  readonly timeline: Timeline;
  /** Tokens before. */
  readonly count: number;
  /** The newest of them, in order. */
  readonly tokens: readonly TokenGenerated[];
  readonly phase: RunState | null;
  /** The distribution that stood, and since when. */
  readonly distribution: Distribution | null;
  readonly since: number;
}

/** The phase that a run was in at a time; null before the first. */
export function phaseAt({ started, finished, phases = [] }: Manifest, time: number): RunState | null {
  const at = lastNotAfter(phases.length, (i) => phases[i]![0], time);
  if (phases.length > 0 && at < 0) return null;
  // Sessions kept before there were phases: a run of which tokens are there was running.
  const phase = phases[at]?.[1] ?? "running";
  if (finished?.phase === phase && at === phases.length - 1) return finished;
  return { kind: "run_state", run_id: started.run_id, phase, reason: "", message: "" };
}

/** The last of `count` ascending values that is not above `most`; -1 if all are. */
export function lastNotAfter(count: number, value: (i: number) => number, most: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (value(middle) <= most) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
