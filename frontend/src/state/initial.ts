import { AttentionHistory } from "./attention_history";
import { MemoryReadings } from "./memory_readings";
import { Moments } from "./moment";
import { Ring } from "./ring";
import type { AppState } from "./state";

/** Tokens held whole for the panels; of a longer run the newest. Older ones are fetched when they are looked at. */
export const TOKEN_CAPACITY = 1024;

/** Distributions held: of one before these, nothing is left in the light. */
export const KEYFRAMES = 16;

/** The state before anything was heard. */
export function createState(): AppState {
  return {
    connection: { phase: "connecting", retryAt: 0, message: "" },
    session: "",
    serverVersion: "",
    control: false,
    alone: false,
    right: "",
    viewers: 0,
    skipped: 0,
    dropped: 0,
    model: null,
    vocabulary: null,
    positions: null,
    run: null,
    tokens: new Ring(TOKEN_CAPACITY),
    distribution: null,
    previousDistribution: null,
    distributions: new Ring(KEYFRAMES),
    sampled: null,
    heads: null,
    layers: null,
    experts: null,
    cache: null,
    memory: null,
    memoryReadings: new MemoryReadings(),
    attention: new Map(),
    attentionHistory: new AttentionHistory(),
    moments: new Moments(),
    progress: new Map(),
    problem: null,
    room: null,
    rejected: null,
    selection: { layer: 0, head: 0, named: false, suggestedFor: null, step: null, linked: false, returns: 0 },
    view: "both",
    preset: "everything",
    focus: null,
    options: new Map(),
  };
}
