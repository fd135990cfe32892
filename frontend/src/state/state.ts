import type {
  AttentionWeights,
  CacheStatus,
  Distribution,
  ExpertRouting,
  HeadSummary,
  LayerActivation,
  MemoryUsage,
  ModelInfo,
  PositionsReady,
  Problem,
  Progress,
  PromptProcessed,
  RunStarted,
  RunState,
  TokenGenerated,
} from "../telemetry/protocol.gen";
import type { AttentionHistory } from "./attention_history";
import type { MemoryReadings } from "./memory_readings";
import type { Moments } from "./moment";
import type { Ring } from "./ring";
import type { RunPast } from "./run_past";
import type { Vocabulary } from "./vocabulary";

export type ViewMode = "nebula" | "hud" | "both";

/** A set of instruments round the nebula, on a number key. */
export type Preset = "monitor" | "attention" | "memory" | "nebula" | "everything";

export interface Connection {
  readonly phase: "connecting" | "open" | "waiting" | "closed" | "replay";
  /** For `waiting`: clock time of the next attempt; for `connecting`: of this one, 0 for the first. */
  readonly retryAt: number;
  readonly message: string;
  /** Of a server that does not let this page in: what to head the message with. */
  readonly refused?: string;
}

/** A generated token and the page's clock when it arrived: what every animation counts from. */
export interface TokenRow {
  readonly event: TokenGenerated;
  readonly arrived: number;
}

/** A state event and the page's clock when it was applied. */
export interface Keyframe<T> {
  readonly event: T;
  readonly arrived: number;
  /** It had come to rest before what is held began. */
  readonly standing?: boolean;
}

/** One selection for the whole page. */
export interface Selection {
  layer: number;
  head: number;
  /** A person or the address named the head. */
  named: boolean;
  /** Id of the model for which the page chose the head by itself; null for none. */
  suggestedFor: string | null;
  /** Step of the pinned token; null follows the newest. */
  step: number | null;
  /** The address named that token: it says too where instruments stand. */
  linked: boolean;
  /** Counts the times that someone went back to now, also from nowhere: what was scrolled away returns. */
  returns: number;
}

/** A sentence for the person, and the page's clock when it came. */
export interface Notice {
  /** Without one it is a refusal. */
  readonly title?: string;
  readonly message: string;
  readonly arrived: number;
}

/** The run on show. */
export interface Run {
  readonly started: RunStarted;
  readonly startedAt: number;
  prefill: PromptProcessed | null;
  state: RunState | null;
  /** Tokens so far, the ring's capacity notwithstanding. */
  count: number;
  /** A few numbers of every token, where `tokens` holds the newest whole. */
  readonly past: RunPast;
}

/** All that panels and passes may know. Written by `reduce.ts` alone, once per animation frame. */
export interface AppState {
  connection: Connection;
  session: string;
  /** Version the server says it is; empty before `welcome`. */
  serverVersion: string;
  control: boolean;
  /** No server is behind the page: it shows the session that it was exported with. */
  alone: boolean;
  /** "owner", "controller" or "viewer"; empty before `welcome`, and for a recording. */
  right: string;
  viewers: number;
  skipped: number;
  /** Frames dropped by the page's own queue. */
  dropped: number;
  model: ModelInfo | null;
  vocabulary: Vocabulary | null;
  /** Newest positions on offer: the nebula fetches them. */
  positions: PositionsReady | null;
  run: Run | null;
  readonly tokens: Ring<TokenRow>;
  distribution: Keyframe<Distribution> | null;
  previousDistribution: Keyframe<Distribution> | null;
  /** The newest ones, `distribution` last: what the light has come from. */
  readonly distributions: Ring<Keyframe<Distribution>>;
  sampled: Distribution | null;
  heads: HeadSummary | null;
  layers: LayerActivation | null;
  experts: ExpertRouting | null;
  cache: CacheStatus | null;
  memory: MemoryUsage | null;
  readonly memoryReadings: MemoryReadings;
  /** Newest rows of each head asked for, by `attentionKey`. */
  readonly attention: Map<string, AttentionWeights>;
  /** All rows so far, of the heads looked at last. */
  readonly attentionHistory: AttentionHistory;
  /** Past moments that were looked at; instruments read them through `shown`. */
  readonly moments: Moments;
  readonly progress: Map<Progress["task"], Progress>;
  problem: Problem | null;
  /** Which sessions go next. It hides no problem, and stays until it is read. */
  room: Problem | null;
  /** The newest refusal of a command of this page. */
  rejected: Notice | null;
  readonly selection: Selection;
  view: ViewMode;
  preset: Preset;
  /** Id of the instrument that fills the screen. */
  focus: string | null;
  /** Scales and modes of the instruments, as `attention.mode`: in the page's address, so that a link shows the same. */
  readonly options: Map<string, string>;
}
