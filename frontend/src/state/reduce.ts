import type { PastRun } from "../telemetry/past_run";
import type {
  Distribution,
  Frame,
  Message,
  ModelLoaded,
  NdArray,
  PositionsReady,
  RunStarted,
  TelemetryEvent,
  TokenGenerated,
  Welcome,
} from "../telemetry/protocol.gen";
import { emptyMoment, momentOf } from "./moment";
import { RunPast } from "./run_past";
import { tokenAt } from "./select";
import type { AppState, Connection, Keyframe, Preset, ViewMode } from "./state";
import type { Vocabulary } from "./vocabulary";

/** The key under which `AppState.attention` holds a head. */
export function attentionKey(layer: number, head: number): string {
  return `${layer}/${head}`;
}

/** Apply one message, in place. `now` is the page's clock; no other input, no output. */
export function apply(state: AppState, message: Message, now: number): void {
  switch (message.kind) {
    case "welcome":
      welcome(state, message);
      break;
    case "frame":
      frame(state, message, now);
      break;
    case "delivery":
      state.skipped = message.skipped;
      state.viewers = message.viewers;
      break;
    case "rejected":
      // Who asked a question hears of its refusal and says it where it matters.
      if (message.request === 0) state.rejected = { message: message.message, arrived: now };
      break;
    case "moment_reply":
      if (isCurrent(state, message.run_id)) state.moments.put(momentOf(state, message, now));
      break;
    case "attention_reply":
      if (isCurrent(state, message.run_id)) state.attentionHistory.reply(message);
      break;
    // Other replies go to whoever asked, and `pong` to the socket; the state holds neither.
  }
}

/** The source of frames came up, went away, or waits. */
export function connectionChanged(state: AppState, connection: Connection): void {
  state.connection = connection;
}

/** A vocabulary was fetched; one of a model that is gone is not taken. */
export function vocabularyArrived(state: AppState, vocabulary: Vocabulary): void {
  if (state.model?.vocabulary_hash === vocabulary.hash) state.vocabulary = vocabulary;
}

export function problemDismissed(state: AppState, which: "problem" | "room"): void {
  state[which] = null;
}

/** Nebula and instruments, or one of them. */
export function viewChosen(state: AppState, view: ViewMode): void {
  state.view = view;
  if (view === "nebula") state.preset = "nebula";
  else if (state.preset === "nebula") state.preset = "everything";
}

/** Another set of instruments; the cockpit comes back from a focused one. */
export function presetChosen(state: AppState, preset: Preset): void {
  state.preset = preset;
  state.focus = null;
  if (preset === "nebula") state.view = "nebula";
  else if (state.view === "nebula") state.view = "both";
}

/** One instrument fills the screen; null brings the cockpit back. */
export function instrumentFocused(state: AppState, id: string | null): void {
  state.focus = id;
}

/** A scale or a mode of an instrument, `attention.mode`; null is its default. */
export function optionSet(state: AppState, name: string, value: string | null): void {
  if (value === null) state.options.delete(name);
  else state.options.set(name, value);
}

/** The moment on show: the token of a step, or null for the newest. `linked`: the address names it. */
export function stepSelected(state: AppState, step: number | null, linked = false): void {
  state.selection.step = step;
  state.selection.linked = linked;
  if (step === null) state.selection.returns++;
}

/** All that will come of a past moment has come. `token` is given where the page had forgotten it. */
export function momentSettled(
  state: AppState,
  runId: string,
  step: number,
  token: TokenGenerated | null,
): void {
  if (!isCurrent(state, runId)) return;
  const held = state.moments.get(step) ?? emptyMoment(step, tokenAt(state, step));
  const row = held.row ?? (token ? { event: detach(token), arrived: 0 } : undefined);
  // A kept run tells what it had recorded; of a live one, what has come here.
  const memory = held.memory ?? (row ? state.memoryReadings.at(row.arrived) : null);
  state.moments.put({ ...held, row, memory });
}

export function headSelected(state: AppState, layer: number, head: number): void {
  Object.assign(state.selection, { layer, head, named: true });
}

/** The page chose a head of this model; nobody has named one. */
export function headSuggested(state: AppState, layer: number, head: number): void {
  Object.assign(state.selection, { layer, head, suggestedFor: state.model?.id ?? null });
}

/** As at first: nobody has named a head, and the page has chosen none. */
export function headForgotten(state: AppState): void {
  Object.assign(state.selection, { layer: 0, head: 0, named: false, suggestedFor: null });
}

/** A recording begins anew. */
export function restarted(state: AppState): void {
  forgetModel(state);
  state.positions = null;
  state.problem = null;
  state.progress.clear();
}

/** A replay goes elsewhere: the run is as it was, and what follows is told again. */
export function sought(state: AppState, past: PastRun, backwards: boolean): void {
  const { run } = state;
  if (!run) return;
  forgetPresent(state);
  state.memoryReadings.clear();
  state.problem = null;
  // Rows of later queries would tell of what has not happened yet.
  if (backwards) state.attentionHistory.clear();
  const { count, tokens, phase, timeline } = past;
  const { token, rank, entropy, p, time } = timeline;
  const brief = new RunPast();
  for (let step = 0; step < count; step++) {
    brief.put({
      step,
      token_id: token.data[step]!,
      rank: rank.data[step]!,
      entropy: entropy.data[step]!,
      probability: p.data[step]!,
    });
  }
  const prefill = count > 0 ? past.manifest.prompt : null;
  state.run = { ...run, startedAt: 0, prefill, state: phase, count, past: brief };
  for (const event of tokens) state.tokens.push({ event, arrived: time.data[event.step]! });
  if (past.distribution)
    distribution(state, { event: past.distribution, arrived: past.since, standing: true });
}

function welcome(state: AppState, message: Welcome): void {
  state.control = message.control;
  state.right = message.right;
  state.serverVersion = message.version;
  if (!message.resumed) {
    restarted(state);
    state.skipped = 0;
  }
  state.session = message.session;
}

function frame(state: AppState, message: Frame, now: number): void {
  for (const event of message.events) applyEvent(state, event, now);
  for (const event of message.state) applyEvent(state, event, now);
}

function applyEvent(state: AppState, event: TelemetryEvent, now: number): void {
  switch (event.kind) {
    case "model_loaded":
      modelLoaded(state, event);
      break;
    case "positions_ready":
      positionsReady(state, event);
      break;
    case "run_started":
      runStarted(state, event, now);
      break;
    case "prompt_processed":
      if (state.run && state.run.started.run_id === event.run_id) state.run.prefill = event;
      break;
    case "token":
      token(state, event, now);
      break;
    case "run_state":
      if (state.run && state.run.started.run_id === event.run_id) state.run.state = event;
      break;
    case "problem":
      state[event.code === "sessions-go-next" ? "room" : "problem"] = event;
      break;
    case "progress":
      state.progress.set(event.task, event);
      break;
    case "distribution":
      if (!isCurrent(state, event.run_id)) break;
      if (event.stage === "sampler") {
        state.sampled = event;
      } else {
        distribution(state, { event, arrived: now });
      }
      break;
    case "attention":
      if (!isCurrent(state, event.run_id)) break;
      state.attention.set(attentionKey(event.layer, event.head), event);
      state.attentionHistory.rows(event);
      break;
    case "heads":
      if (isCurrent(state, event.run_id)) state.heads = event;
      break;
    case "layers":
      if (isCurrent(state, event.run_id)) state.layers = event;
      break;
    case "experts":
      if (isCurrent(state, event.run_id)) state.experts = event;
      break;
    case "cache":
      state.cache = event;
      break;
    case "memory":
      state.memory = event;
      state.memoryReadings.add(event, now);
      break;
  }
}

/** State of a run that is no longer on show is late news. */
function isCurrent(state: AppState, runId: string): boolean {
  return state.run?.started.run_id === runId;
}

function modelLoaded(state: AppState, event: ModelLoaded): void {
  forgetModel(state);
  state.model = event.model;
  state.problem = null;
  if (state.vocabulary && state.vocabulary.hash !== event.model.vocabulary_hash) state.vocabulary = null;
  if (state.positions && state.positions.embedding_hash !== event.model.embedding_hash) {
    state.positions = null;
  }
  state.selection.layer = Math.min(state.selection.layer, Math.max(0, event.model.n_layer - 1));
  state.selection.head = Math.min(state.selection.head, Math.max(0, event.model.n_head - 1));
}

/** A better layout is never replaced by a worse one of the same embedding. */
function positionsReady(state: AppState, event: PositionsReady): void {
  const held = state.positions;
  if (held && held.embedding_hash === event.embedding_hash && held.method === "umap") return;
  state.positions = event;
}

function runStarted(state: AppState, event: RunStarted, now: number): void {
  forgetRun(state);
  state.problem = null;
  state.rejected = null;
  state.run = {
    started: { ...event, prompt_ids: owned(event.prompt_ids) },
    startedAt: now,
    prefill: null,
    state: null,
    count: 0,
    past: new RunPast(),
  };
}

function token(state: AppState, event: TokenGenerated, now: number): void {
  const run = state.run;
  if (!run || run.started.run_id !== event.run_id) return;
  state.tokens.push({ event: detach(event), arrived: now });
  run.past.put(event);
  run.count = event.step + 1;
}

function distribution(state: AppState, keyframe: Keyframe<Distribution>): void {
  state.previousDistribution = state.distribution;
  state.distribution = keyframe;
  state.distributions.push(keyframe);
}

function forgetModel(state: AppState): void {
  forgetRun(state);
  state.model = null;
  state.cache = null;
  state.memory = null;
  state.memoryReadings.clear();
}

function forgetRun(state: AppState): void {
  state.run = null;
  forgetPresent(state);
  state.attentionHistory.clear();
  state.moments.clear();
  state.selection.step = null;
}

/** What is newest of the run. */
function forgetPresent(state: AppState): void {
  state.tokens.clear();
  state.distribution = null;
  state.previousDistribution = null;
  state.distributions.clear();
  state.sampled = null;
  state.heads = null;
  state.layers = null;
  state.experts = null;
  state.attention.clear();
}

/**
 * The event with arrays of its own. As views they would keep the whole frame alive, and the
 * ring holds thousands.
 */
function detach(event: TokenGenerated): TokenGenerated {
  return {
    ...event,
    token_bytes: event.token_bytes.slice(),
    top_ids: owned(event.top_ids),
    top_p: owned(event.top_p),
  };
}

function owned<T extends Uint32Array | Float32Array>(array: NdArray<T>): NdArray<T> {
  return { data: array.data.slice() as T, shape: array.shape };
}
