import type { PartCache } from "./archive";
import { type Frames, type Manifest, type Timeline, TOKENS_PER_PART, type Tokens } from "./archive.gen";
import { frameOf } from "./archive_frames";
import type { Distribution, RunState, TokenGenerated } from "./protocol.gen";

/** Tokens whole before the frames that are played again; of older ones the timeline is enough. */
export const TOKENS_BEFORE = 1024;

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

/** Parts with the tokens of which `count` are before. */
export function tokenNames(count: number): string[] {
  const first = Math.floor(Math.max(0, count - TOKENS_BEFORE) / TOKENS_PER_PART);
  const names = [];
  for (let part = first; part * TOKENS_PER_PART < count; part++) names.push(`tokens/${part}`);
  return names;
}

/** What a kept run has here. */
interface Kept {
  readonly manifest: Manifest;
  readonly timeline: Timeline;
  readonly parts: PartCache;
}

/** The run as it was when a chunk began; of the parts, those that `tokenNames` says are here, and the chunk. */
export function pastRun({ manifest, timeline, parts }: Kept, chunk: number): PastRun {
  const [, , count, , start] = manifest.frame_chunks[chunk]!;
  const tokens: TokenGenerated[] = [];
  for (const name of tokenNames(count)) {
    for (const token of (parts.peek(name) as Tokens | null)?.tokens ?? []) {
      if (token.step < count && token.step >= count - TOKENS_BEFORE) tokens.push(token);
    }
  }
  const distribution = chunk === 0 ? null : standing(parts.peek(`frames/${chunk}`) as Frames, count);
  const phase = chunk === 0 ? null : phaseAt(manifest, start);
  const since = timeline.time.data[distribution?.step ?? 0] ?? 0;
  return { manifest, timeline, count, tokens, phase, distribution, since };
}

/** The distribution that stood when a chunk began. */
function standing(chunk: Frames, count: number): Distribution | null {
  const found = frameOf(chunk, 0).state.find(
    (event): event is Distribution => event.kind === "distribution" && event.stage === "model",
  );
  return found && found.step < count ? found : null;
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
