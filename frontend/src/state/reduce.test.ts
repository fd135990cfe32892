import { beforeEach, describe, expect, it } from "vitest";
import type {
  Distribution,
  Frame,
  ModelInfo,
  NdArray,
  TelemetryEvent,
  TokenGenerated,
  Welcome,
} from "../telemetry/protocol.gen";
import { createState, TOKEN_CAPACITY } from "./initial";
import { apply, attentionKey } from "./reduce";
import { activity, mayControl, selectedToken } from "./select";
import type { AppState } from "./state";

const nd = <T extends { length: number }>(data: T): NdArray<T> => ({ data, shape: [data.length] });

const model = (overrides: Partial<ModelInfo> = {}): ModelInfo => ({
  id: "m",
  name: "Model",
  architecture: "llama",
  quantization: "Q4_1",
  file_bytes: 1,
  n_layer: 30,
  n_head: 9,
  n_head_kv: 3,
  n_embd: 576,
  n_vocab: 49152,
  n_ctx: 1024,
  n_ctx_train: 2048,
  n_expert: 0,
  n_expert_used: 0,
  flash_attention: true,
  threads: 2,
  windows: nd(new Int32Array(30)),
  rope: {
    kind: "neox",
    dimensions: 64,
    base: 1e5,
    scaling: "none",
    factor: 1,
    original_context: 2048,
    rotations: [],
  },
  chat_template: true,
  lacks: {},
  embedding_hash: "e1",
  vocabulary_hash: "v1",
  ...overrides,
});

const welcome = (overrides: Partial<Welcome> = {}): Welcome => ({
  kind: "welcome",
  protocol: 1,
  session: "s",
  version: "0.1.0",
  resumed: false,
  control: true,
  right: "owner",
  ...overrides,
});

const started = (run_id: string): TelemetryEvent => ({
  kind: "run_started",
  run_id,
  prompt: "Once",
  raw: false,
  prompt_ids: nd(new Uint32Array([1, 2, 3])),
  max_tokens: 0,
  sampling: { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1, seed: 2 },
});

/** As off the wire: arrays that are views of a large message. */
function token(run_id: string, step: number): TokenGenerated {
  const message = new ArrayBuffer(65536);
  return {
    kind: "token",
    run_id,
    step,
    position: step + 3,
    token_id: step,
    token_text: `t${step}`,
    token_bytes: new Uint8Array(message, 0, 2),
    probability: 0.5,
    rank: 1,
    entropy: 1,
    sampled_probability: 0.5,
    sampled_entropy: 0.5,
    sampled_count: 2,
    top_ids: nd(new Uint32Array(message, 64, 20)),
    top_p: nd(new Float32Array(message, 256, 20)),
    decode_seconds: 0.02,
    tokens_per_sec: 40,
    eog: false,
  };
}

const distribution = (run_id: string, step: number, stage: "model" | "sampler" = "model"): Distribution => ({
  kind: "distribution",
  run_id,
  step,
  stage,
  n_vocab: 2,
  codes: nd(new Uint8Array(1)),
  codebook: nd(new Float32Array(16)),
  block_counts: nd(new Uint32Array(1)),
  index_low: nd(new Uint16Array(0)),
  values: nd(new Uint16Array(0)),
  low: 0,
  high: 0,
  top_ids: nd(new Uint32Array(20)),
  top_p: nd(new Float32Array(20)),
  total_variation: 0,
});

const frame = (events: TelemetryEvent[], state: TelemetryEvent[] = []): Frame => ({
  kind: "frame",
  number: 1,
  time: 0,
  first_seq: 1,
  events,
  state,
});

let state: AppState;
const feed = (...events: TelemetryEvent[]) => apply(state, frame(events), 10);

beforeEach(() => {
  state = createState();
  state.connection = { phase: "open", retryAt: 0, message: "" };
  apply(state, welcome(), 0);
});

describe("a run", () => {
  beforeEach(() => feed({ kind: "model_loaded", model: model() }, started("a")));

  it("is followed from prefill to its end", () => {
    expect(activity(state)).toBe("prefill");
    const phase = (p: "running" | "paused" | "finished") =>
      feed({ kind: "run_state", run_id: "a", phase: p, reason: "", message: "" });
    phase("running");
    expect(activity(state)).toBe("running");
    phase("paused");
    expect(activity(state)).toBe("paused");
    phase("finished");
    expect(activity(state)).toBe("finished");
    feed({ kind: "prompt_processed", run_id: "a", n_tokens: 3, seconds: 0.1 });
    expect(state.run?.prefill?.n_tokens).toBe(3);
  });

  it("stamps its tokens with the page's clock, and owns their arrays", () => {
    apply(state, frame([token("a", 0)]), 12.5);
    const row = state.tokens.at(-1)!;
    expect(row.arrived).toBe(12.5);
    expect(row.event.top_p.data.buffer.byteLength).toBe(80);
    expect(row.event.top_ids.data.buffer.byteLength).toBe(80);
    expect(row.event.token_bytes.buffer.byteLength).toBe(2);
  });

  it("keeps counting when its oldest tokens are forgotten", () => {
    for (let step = 0; step < TOKEN_CAPACITY + 10; step++) feed(token("a", step));
    expect(state.run?.count).toBe(TOKEN_CAPACITY + 10);
    expect(state.tokens.length).toBe(TOKEN_CAPACITY);
    expect(state.tokens.at(0)?.event.step).toBe(10);
    state.selection.step = 11;
    expect(selectedToken(state)?.event.step).toBe(11);
    state.selection.step = 3;
    expect(selectedToken(state)).toBeUndefined();
  });

  it("ignores what belongs to another run", () => {
    apply(state, frame([token("old", 7)], [distribution("old", 7)]), 1);
    expect(state.tokens.length).toBe(0);
    expect(state.distribution).toBeNull();
  });

  it("moves the last distribution to the previous one, each with its time", () => {
    apply(state, frame([], [distribution("a", 0)]), 1);
    apply(state, frame([], [distribution("a", 1), distribution("a", 1, "sampler")]), 2);
    expect(state.previousDistribution).toMatchObject({ arrived: 1, event: { step: 0 } });
    expect(state.distribution).toMatchObject({ arrived: 2, event: { step: 1 } });
    expect(state.sampled?.stage).toBe("sampler");
  });

  it("gives way to the next one without a trace", () => {
    feed(token("a", 0), { kind: "problem", code: "x", message: "m", hint: "h" });
    apply(state, frame([], [distribution("a", 0)]), 1);
    state.attention.set(attentionKey(1, 2), {} as never);
    state.selection.step = 0;
    feed(started("b"));
    expect(state).toMatchObject({ distribution: null, previousDistribution: null, problem: null });
    expect([state.tokens.length, state.attention.size, state.selection.step]).toEqual([0, 0, null]);
    expect(state.run?.started.run_id).toBe("b");
  });
});

describe("a model", () => {
  it("takes everything of the one before with it", () => {
    feed({ kind: "model_loaded", model: model() }, started("a"), token("a", 0));
    feed({ kind: "positions_ready", embedding_hash: "e1", method: "pca" });
    state.vocabulary = { hash: "v1" } as never;
    state.selection.layer = 29;
    state.selection.head = 8;
    const next = model({ id: "n", n_layer: 4, n_head: 2, embedding_hash: "e2", vocabulary_hash: "v2" });
    feed({ kind: "model_loaded", model: next });
    expect(state).toMatchObject({ run: null, positions: null, vocabulary: null });
    expect(state.selection).toMatchObject({ layer: 3, head: 1 });
    expect(activity(state)).toBe("idle");
  });

  it("that could not be loaded is said, until another is", () => {
    feed({ kind: "problem", code: "model", message: "No.", hint: "" });
    expect(activity(state)).toBe("failed");
    apply(state, frame([], [{ kind: "progress", task: "load", fraction: 0.2, message: "", done: false }]), 0);
    expect(activity(state)).toBe("loading");
    feed({ kind: "model_loaded", model: model() });
    expect(state.problem).toBeNull();
  });
});

describe("positions", () => {
  it("of UMAP are not replaced by PCA of the same embedding, but are by those of another", () => {
    feed({ kind: "positions_ready", embedding_hash: "e1", method: "pca" });
    feed({ kind: "positions_ready", embedding_hash: "e1", method: "umap" });
    feed({ kind: "positions_ready", embedding_hash: "e1", method: "pca" });
    expect(state.positions?.method).toBe("umap");
    feed({ kind: "positions_ready", embedding_hash: "e2", method: "pca" });
    expect(state.positions).toMatchObject({ embedding_hash: "e2", method: "pca" });
  });
});

describe("a connection", () => {
  it("that resumes keeps everything, one that begins anew keeps nothing", () => {
    feed({ kind: "model_loaded", model: model() }, started("a"), token("a", 0));
    apply(state, welcome({ resumed: true, control: false }), 1);
    expect(state.tokens.length).toBe(1);
    expect(mayControl(state)).toBe(false);
    apply(state, welcome({ session: "t" }), 2);
    expect(state).toMatchObject({ model: null, run: null, session: "t" });
    expect(state.tokens.length).toBe(0);
    expect(mayControl(state)).toBe(true);
  });

  it("tells how it fares, and what it refused", () => {
    apply(state, { kind: "delivery", skipped: 3, viewers: 2 }, 0);
    apply(state, { kind: "rejected", request: 0, message: "No." }, 5);
    expect(state).toMatchObject({ skipped: 3, viewers: 2, rejected: { message: "No.", arrived: 5 } });
  });
});
