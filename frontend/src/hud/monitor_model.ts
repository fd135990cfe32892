import { shown } from "../state/moment";
import { type Activity, activity, selectedToken } from "../state/select";
import type { AppState, TokenRow } from "../state/state";
import { type CacheModel, cacheModel, type MemoryModel, memoryModel } from "./capacity_model";
import { count, duration, niceCeiling, percent, probability, rate } from "./format";
import { threshold } from "./theme";

/** Which accent a thing takes. */
export type Tone = "quiet" | "data" | "attention" | "complete" | "error";

export interface Status {
  readonly activity: Activity;
  readonly title: string;
  /** A line: wordings, longest first. Or the one sentence. */
  readonly details: readonly string[];
  /** Why it went no further, in as many lines as that takes. */
  readonly sentence: boolean;
  readonly tone: Tone;
  /** Tokens per second, of decoding alone. */
  readonly rate: string;
}

export interface Task {
  readonly label: string;
  /** 0 to 1; negative when it can't be known. */
  readonly fraction: number;
  readonly note: string;
}

/** A token in the running for the next place. */
export interface Candidate {
  readonly id: number;
  /** 1 is the most probable. */
  readonly rank: number;
  readonly rankShown: string;
  readonly label: string;
  readonly p: number;
  readonly shown: string;
  readonly chosen: boolean;
}

/** Tokens that have no row. */
export interface Others {
  readonly labels: readonly string[];
  readonly p: number;
  readonly shown: string;
}

export interface Choice {
  readonly step: number;
  readonly pinned: boolean;
  readonly candidates: readonly Candidate[];
  /** The chosen token, wherever it ranks. */
  readonly chosen: Candidate;
  /** What is left beside the first n candidates, by n: how many tokens (wordings, longest first), and p. */
  readonly others: readonly Others[];
  readonly note: string;
}

export interface Entropy {
  /** Nats. */
  readonly nats: number;
  readonly shown: string;
  /** e^H: the number of equally likely tokens that would be as uncertain. */
  readonly tokens: string;
  readonly verdict: "confident" | "undecided" | "uncertain";
  readonly tone: Tone;
  readonly note: string;
  /** Of the newest tokens, oldest first. */
  readonly history: Float32Array;
  /** Top of the axis, nats. */
  readonly top: number;
}

export interface Pulse {
  /** Seconds each token took, oldest first; the first of a run is left out, its decode was the prompt's. */
  readonly seconds: Float32Array;
  readonly full: number;
  readonly caption: string;
  readonly newest: string;
}

/** All that the Inference Monitor says, in plain numbers and strings. */
export interface MonitorModel {
  /** How it runs: wordings, longest first. */
  readonly captions: readonly string[];
  readonly status: Status;
  readonly tasks: readonly Task[];
  readonly choice: Choice | null;
  readonly entropy: Entropy | null;
  readonly pulse: Pulse;
  readonly cache: CacheModel;
  readonly memory: MemoryModel;
}

/** Values kept for the history plots. */
const HISTORY = 256;

export function monitorModel(state: AppState): MonitorModel {
  // A pinned token that the page has forgotten came back with its moment.
  const row = selectedToken(state) ?? shown(state).row;
  return {
    captions: captions(state),
    status: status(state),
    tasks: tasks(state),
    choice: row ? choice(state, row) : null,
    entropy: row ? entropy(state, row) : null,
    pulse: pulse(state),
    cache: cacheModel(state),
    memory: memoryModel(state),
  };
}

function captions({ model, run }: AppState): string[] {
  if (!model) return [];
  const threads = `${model.threads} thread${model.threads === 1 ? "" : "s"}`;
  const how = model.flash_attention ? `${threads} · flash attention` : threads;
  const prefill = run?.prefill;
  // Reading the prompt is another matter than writing: its rate stands apart.
  if (!prefill || !(prefill.seconds > 0)) return [how, threads];
  const speed = `prefill ${rate(prefill.n_tokens / prefill.seconds)} tok/s`;
  return [`${speed} · ${how}`, `${speed} · ${threads}`, speed];
}

const TITLES: Record<Activity, [string, Tone]> = {
  offline: ["NO CONNECTION", "attention"],
  failed: ["FAILED", "error"],
  "no-model": ["NO MODEL", "quiet"],
  loading: ["LOADING MODEL", "data"],
  idle: ["READY", "data"],
  prefill: ["READING PROMPT", "data"],
  running: ["INFERENCE ACTIVE", "data"],
  paused: ["PAUSED", "attention"],
  finished: ["COMPLETE", "complete"],
  stopped: ["STOPPED", "quiet"],
};
const FULL = ["CONTEXT FULL", "attention"] as const;

function status(state: AppState): Status {
  const now = activity(state);
  const ended = now === "finished" ? state.run?.state : null;
  const full = ended?.reason === "context";
  const [title, tone] = full ? FULL : TITLES[now];
  const speed = rate(state.tokens.at(-1)?.event.tokens_per_sec ?? 0);
  const words = full ? [ended.message] : details(state, now);
  return { activity: now, title, tone, details: words, sentence: full || now === "failed", rate: speed };
}

function details(state: AppState, now: Activity): string[] {
  if (now === "offline") return [state.connection.message || "waiting for the server"];
  if (now === "loading") return ["the weights are on their way"];
  if (now === "no-model") return ["choose a model to see it think", "choose a model"];
  if (now === "idle") return ["give it a prompt"];
  const { run } = state;
  if (now === "failed") return [run?.state?.message || state.problem?.message || "inference failed"];
  const prompt = count(run?.prefill?.n_tokens ?? run?.started.prompt_ids.data.length ?? 0);
  if (now === "prefill") return [`prompt of ${prompt} tokens`];
  const answer = count(run?.count ?? 0);
  const long = `answer token ${answer} · prompt ${prompt} tokens`;
  const short = [`answer ${answer} · prompt ${prompt}`, `${answer} tokens`];
  const ending = "length reached";
  return now === "finished" && run?.state?.reason === "length"
    ? [`${ending} · ${long}`, `${ending} · ${short[0]}`, ending]
    : [long, ...short];
}

/** In the order in which they come. */
export const LONG_TASKS = ["load", "positions", "prefill"] as const;

const TASKS = { load: "model", positions: "positions", prefill: "prompt" } as const;

function tasks({ progress }: AppState): Task[] {
  const out: Task[] = [];
  for (const task of LONG_TASKS) {
    const at = progress.get(task);
    if (!at || at.done) continue;
    const share = at.fraction < 0 ? "" : percent(at.fraction);
    out.push({ label: at.message || TASKS[task], fraction: at.fraction, note: share });
  }
  return out;
}

function choice(state: AppState, { event }: TokenRow): Choice {
  const label = (id: number): string => state.vocabulary?.label(id) ?? `#${id}`;
  const candidates: Candidate[] = [];
  const { data: ids } = event.top_ids;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    const p = event.top_p.data[i]!;
    const chosen = id === event.token_id;
    const rankShown = String(i + 1);
    candidates.push({ id, rank: i + 1, rankShown, label: label(id), p, shown: probability(p), chosen });
  }
  const chosen: Candidate = {
    id: event.token_id,
    rank: event.rank,
    rankShown: event.rank > 99_999 ? "…" : String(event.rank),
    label: state.vocabulary?.label(event.token_id) ?? event.token_text,
    p: event.probability,
    shown: probability(event.probability),
    chosen: true,
  };
  const pinned = state.selection.step !== null;
  const which = pinned ? `token ${event.step + 1} pinned · ` : "";
  const all = event.sampled_count >= (state.model?.n_vocab ?? Number.POSITIVE_INFINITY);
  const kept = all ? "softmax" : `${count(event.sampled_count)} kept by samplers`;
  const note = `${which}${kept} · scale 0 – 1`;
  const others = othersOf(candidates, state.model?.n_vocab ?? candidates.length);
  return { step: event.step, pinned, candidates, chosen, others, note };
}

/** How many tokens are left beside n others, in words: the same at every token of a vocabulary. */
const leftOver = { vocabulary: -1, words: [] as string[][] };

function leftWords(vocabulary: number, n: number): readonly string[] {
  if (vocabulary !== leftOver.vocabulary) {
    leftOver.vocabulary = vocabulary;
    leftOver.words = [];
  }
  const left = vocabulary - n;
  leftOver.words[n] ??= left > 0 ? [`${count(left)} others`, "others"] : [];
  return leftOver.words[n];
}

function othersOf(candidates: readonly Candidate[], vocabulary: number): Others[] {
  const others: Others[] = [];
  let p = 1;
  for (let n = 0; n <= candidates.length; n++) {
    if (n > 0) p -= candidates[n - 1]!.p;
    // Float32 probabilities may sum to a hair over 1.
    const rest = n < vocabulary ? Math.max(p, 0) : 0;
    others.push({ labels: leftWords(vocabulary, n), p: rest, shown: probability(rest) });
  }
  return others;
}

function verdict(nats: number): Entropy["verdict"] {
  if (nats > threshold.uncertain) return "uncertain";
  return nats < threshold.confident ? "confident" : "undecided";
}

function entropy(state: AppState, { event }: TokenRow): Entropy {
  const { tokens } = state;
  const held = Math.min(tokens.length, HISTORY);
  const history = new Float32Array(held);
  let most = 0;
  for (let i = 0; i < held; i++) {
    const nats = tokens.at(tokens.length - held + i)!.event.entropy;
    history[i] = nats;
    most = Math.max(most, nats);
  }
  const vocabulary = state.model?.n_vocab ?? state.vocabulary?.size ?? 0;
  const said = verdict(event.entropy);
  const equal = Math.exp(event.entropy);
  return {
    nats: event.entropy,
    shown: event.entropy.toFixed(2),
    tokens: `eᴴ ≈ ${equal < 9.95 ? equal.toFixed(1) : count(equal)} tokens`,
    verdict: said,
    tone: said === "uncertain" ? "attention" : "data",
    note: vocabulary > 0 ? `max ln V = ${Math.log(vocabulary).toFixed(2)} nats` : "",
    history,
    top: Math.max(6, 2 * Math.ceil(most / 2)),
  };
}

function pulse({ tokens }: AppState): Pulse {
  const held = Math.min(tokens.length, HISTORY);
  const seconds = new Float32Array(held);
  let used = 0;
  for (let i = 0; i < held; i++) {
    const { event } = tokens.at(tokens.length - held + i)!;
    if (event.step > 0) seconds[used++] = event.decode_seconds;
  }
  const shown = seconds.subarray(0, used);
  // The scale holds all but the slowest few, which are drawn over its top.
  const sorted = Float32Array.from(shown).sort();
  const full = niceCeiling((sorted[Math.floor(used * 0.97)] ?? sorted[used - 1] ?? 0) * 1.05);
  return {
    seconds: shown,
    full,
    caption: used > 0 ? `time per token · full bar ${duration(full)}` : "time per token",
    newest: used > 0 ? duration(shown[used - 1]!) : "",
  };
}
