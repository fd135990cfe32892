import type {
  CacheStatus,
  Distribution,
  ExpertRouting,
  HeadSummary,
  LayerActivation,
  MemoryUsage,
  MomentReply,
  TokenGenerated,
} from "../telemetry/protocol.gen";
import type { Requests } from "./requests";
import { tokenAt } from "./select";
import type { AppState, Keyframe, TokenRow } from "./state";

/** Moments held: going back and forth between a few columns asks once. */
export const MOMENT_CAPACITY = 16;

/** The state from which one token was chosen. What is not kept of it is null. */
export interface Moment {
  readonly step: number;
  readonly row: TokenRow | undefined;
  readonly distribution: Keyframe<Distribution> | null;
  readonly sampled: Distribution | null;
  readonly heads: HeadSummary | null;
  readonly layers: LayerActivation | null;
  readonly experts: ExpertRouting | null;
  readonly cache: CacheStatus | null;
  readonly memory: MemoryUsage | null;
}

/** The moment on show. Filled anew by each call of `shown`: read it, do not keep it. */
export interface Shown {
  row: TokenRow | undefined;
  distribution: Keyframe<Distribution> | null;
  /** What `distribution` came after; null at a pinned moment. */
  previousDistribution: Keyframe<Distribution> | null;
  sampled: Distribution | null;
  heads: HeadSummary | null;
  layers: LayerActivation | null;
  experts: ExpertRouting | null;
  cache: CacheStatus | null;
  memory: MemoryUsage | null;
  /** Of the query that made the token: all state is of this position. -1 before there is one. */
  position: number;
  /** A moment is pinned; false follows the newest. */
  pinned: boolean;
}

/** Past moments of the run on show, the last ones looked at. Filled by `reduce.ts` alone. */
export class Moments {
  private readonly held = new Map<number, Moment>();
  /** The pinned moment that was on show last: it stays until the next one is there. */
  private last: Moment | null = null;

  get(step: number): Moment | undefined {
    return this.held.get(step);
  }

  /** The moment of a step; while it is on its way, the one that was on show before it. */
  show(step: number): Moment | null {
    const found = this.held.get(step);
    if (found && found !== this.last) {
      this.held.delete(step);
      this.held.set(step, found);
      this.last = found;
    }
    return this.last;
  }

  put(moment: Moment): void {
    this.held.delete(moment.step);
    this.held.set(moment.step, moment);
    if (this.last?.step === moment.step) this.last = moment;
    if (this.held.size > MOMENT_CAPACITY) this.held.delete(this.held.keys().next().value!);
  }

  /** The newest is followed again. */
  unpin(): void {
    this.last = null;
  }

  clear(): void {
    this.held.clear();
    this.last = null;
  }
}

/** A reply as a moment. The events that are not in it are not kept. */
export function momentOf(state: AppState, reply: MomentReply, now: number): Moment {
  const known = state.moments.get(reply.step)?.row ?? tokenAt(state, reply.step);
  const moment = { ...emptyMoment(reply.step, known) } as { -readonly [K in keyof Moment]: Moment[K] };
  for (const event of reply.state) {
    if (event.kind === "distribution" && event.stage === "sampler") moment.sampled = event;
    else if (event.kind === "distribution") moment.distribution = { event, arrived: now };
    else if (event.kind === "heads") moment.heads = event;
    else if (event.kind === "layers") moment.layers = event;
    else if (event.kind === "experts") moment.experts = event;
    else if (event.kind === "cache") moment.cache = event;
    else if (event.kind === "memory") moment.memory = event;
  }
  return moment;
}

export function emptyMoment(step: number, row: TokenRow | undefined): Moment {
  return {
    step,
    row,
    distribution: null,
    sampled: null,
    heads: null,
    layers: null,
    experts: null,
    cache: null,
    memory: null,
  };
}

const SHOWN = new WeakMap<AppState, Shown>();

/** The moment on show: of the pinned token, or the newest. Every instrument reads the run through this. */
export function shown(state: AppState): Shown {
  let out = SHOWN.get(state);
  if (!out) {
    out = { ...LIVE };
    SHOWN.set(state, out);
  }
  const { step } = state.selection;
  if (step === null) {
    state.moments.unpin();
    return live(state, out);
  }
  const moment = state.moments.show(step);
  // Before the first pinned moment is there, the newest stays.
  return moment ? past(moment, out) : live(state, out);
}

const LIVE: Shown = {
  row: undefined,
  distribution: null,
  previousDistribution: null,
  sampled: null,
  heads: null,
  layers: null,
  experts: null,
  cache: null,
  memory: null,
  position: -1,
  pinned: false,
};

function live(state: AppState, out: Shown): Shown {
  out.row = state.tokens.at(-1);
  out.distribution = state.distribution;
  out.previousDistribution = state.previousDistribution;
  out.sampled = state.sampled;
  out.heads = state.heads;
  out.layers = state.layers;
  out.experts = state.experts;
  out.cache = state.cache;
  out.memory = state.memory;
  out.position = positionOf(out);
  out.pinned = false;
  return out;
}

function past(moment: Moment, out: Shown): Shown {
  out.row = moment.row;
  out.distribution = moment.distribution;
  out.previousDistribution = null;
  out.sampled = moment.sampled;
  out.heads = moment.heads;
  out.layers = moment.layers;
  out.experts = moment.experts;
  out.cache = moment.cache;
  out.memory = moment.memory;
  out.position = positionOf(out);
  out.pinned = true;
  return out;
}

function positionOf(out: Shown): number {
  const measured = out.layers?.position ?? out.heads?.position ?? out.experts?.position;
  return measured ?? (out.row ? out.row.event.position - 1 : -1);
}

/** Sees to it that the pinned moment is there. Call once per animation frame. */
export class MomentKeeper {
  private askedRun = "";
  private askedStep = -1;

  constructor(
    private readonly requests: Requests,
    /** All that will come of a moment has come; the token, where the page had forgotten it. */
    private readonly settled: (runId: string, step: number, token: TokenGenerated | null) => void,
  ) {}

  update(state: AppState): void {
    const { step } = state.selection;
    const run = state.run?.started.run_id;
    if (step === null || run === undefined) {
      this.askedStep = -1;
      return;
    }
    if (state.moments.get(step) || (this.askedRun === run && this.askedStep === step)) return;
    this.askedRun = run;
    this.askedStep = step;
    if (tokenAt(state, step)) this.ask(run, step, null);
    else this.askToken(run, step);
  }

  private ask(run: string, step: number, token: TokenGenerated | null): void {
    // The answer itself has gone through the reducer before, as all that the state holds.
    const settle = () => this.settled(run, step, token);
    this.requests.ask("moment", { kind: "get_moment", step }, settle, settle);
  }

  /** A token so old that the page has forgotten it. */
  private askToken(run: string, step: number): void {
    const asked = { kind: "get_tokens", start: step, stop: step + 1 } as const;
    const ask = (token: TokenGenerated | null) => this.ask(run, step, token);
    this.requests.ask(
      "moment",
      asked,
      (reply) => ask(reply.tokens[0] ?? null),
      () => ask(null),
    );
  }
}
