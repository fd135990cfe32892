import type { Question } from "../state/requests";
import type { PartCache } from "./archive";
import {
  type Attention,
  type ExactDistribution,
  type Frames,
  type Manifest,
  type Timeline,
  TOKENS_PER_PART,
  type Tokens,
} from "./archive.gen";
import { attentionNames, attentionRow } from "./archive_attention";
import { framesIn } from "./archive_frames";
import { type AttentionRow, BlockMaximum, flat } from "./block_maximum";
import { listed } from "./listed";
import type {
  AttentionReply,
  DistributionReply,
  FlowReply,
  GetAttention,
  GetDistribution,
  GetFlow,
  GetHeadHistory,
  GetMoment,
  GetTokens,
  HeadHistoryReply,
  HeadSummary,
  Message,
  MomentReply,
  NdArray,
  TelemetryEvent,
  TokenGenerated,
  TokensReply,
} from "./protocol.gen";
import { MAX_HISTORY, MAX_TOKENS } from "./protocol.gen";

/** Bytes of attention read for one rollout; it needs every layer's rows from the first on. */
const MOST_ROLLOUT = 96 << 20;
/** Chunks whose heads are kept in brief. */
const MOST_CHUNKS = 96;

class Refusal extends Error {}

/** What a kept run says when it is asked, from its parts; a refusal of what it does not hold. */
export class ArchiveAnswers {
  private readonly heads = new Map<number, ReadonlyMap<number, HeadSummary>>();
  private readonly open = new Set<Promise<unknown>>();

  constructor(
    /** What there is of the run by now. */
    private readonly kept: {
      readonly manifest: Manifest;
      readonly timeline: Timeline;
      readonly unfinished: boolean;
    },
    private readonly parts: PartCache,
  ) {}

  /** Never rejects. */
  async answer(question: Question): Promise<Message> {
    const coming = this.reply(question).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      return { kind: "rejected", request: question.request, message } as const;
    });
    this.open.add(coming);
    const message = await coming;
    this.open.delete(coming);
    return message;
  }

  /** Resolves when all that was asked is answered. */
  async idle(): Promise<void> {
    while (this.open.size > 0) await Promise.all(this.open);
  }

  private reply(question: Question): Promise<Message> {
    switch (question.kind) {
      case "get_moment":
        return this.moment(question);
      case "get_tokens":
        return this.range(question);
      case "get_head_history":
        return this.history(question);
      case "get_flow":
        return this.flow(question);
      case "get_attention":
        return this.attention(question);
      case "get_distribution":
        return this.distribution(question);
    }
  }

  private get manifest(): Manifest {
    return this.kept.manifest;
  }

  private get timeline(): Timeline {
    return this.kept.timeline;
  }

  private get runId(): string {
    return this.manifest.started.run_id;
  }

  private get positions(): number {
    return this.timeline.position.data.at(-1) ?? 0;
  }

  // ---------------------------------------------------------------------------- tokens

  private async tokens(start: number, stop: number): Promise<TokenGenerated[]> {
    const tokens: TokenGenerated[] = [];
    for (let part = Math.floor(start / TOKENS_PER_PART); part * TOKENS_PER_PART < stop; part++) {
      const held = (await this.parts.load(`tokens/${part}`)) as Tokens | null;
      for (const token of held?.tokens ?? [])
        if (token.step >= start && token.step < stop) tokens.push(token);
    }
    return tokens;
  }

  private async range({ request, start, stop }: GetTokens): Promise<TokensReply> {
    const { steps } = this.manifest;
    const tokens = await this.tokens(start, Math.min(stop || steps, steps, start + MAX_TOKENS));
    return { kind: "tokens_reply", request, run_id: this.runId, tokens };
  }

  // --------------------------------------------------------------------------- moments

  private async moment({ request, step }: GetMoment): Promise<MomentReply> {
    const position = this.timeline.position.data[step];
    if (position === undefined) throw new Refusal(`The session has no step ${step}.`);
    const time = this.timeline.time.data[step]!;
    const state = new Map<string, TelemetryEvent>();
    for (const chunk of this.chunksOf(step)) {
      const part = (await this.parts.load(`frames/${chunk}`)) as Frames | null;
      let next = 0;
      for (const frame of framesIn(part)) {
        const before = part!.time.data[next++]! <= time;
        for (const event of frame.state) take(state, event, step, position, before);
      }
    }
    if (!state.has("model")) {
      const exact = await this.exact(step);
      const event = exact && listed(exact, this.runId, step);
      if (event) state.set("model", event);
    }
    if (state.size === 0) throw new Refusal("The session holds the token of that moment alone.");
    return { kind: "moment_reply", request, run_id: this.runId, step, state: [...state.values()] };
  }

  /** The chunk that a step's token came in, and the next: its state may come after it. */
  private chunksOf(step: number): number[] {
    const { frame_chunks: chunks } = this.manifest;
    const chunk = chunks.findLastIndex(([, , first]) => first <= step);
    return [chunk, chunk + 1].filter((one) => one >= 0 && one < chunks.length);
  }

  private async exact(step: number): Promise<Float32Array | null> {
    const part = (await this.parts.load(`distribution/${step}`)) as ExactDistribution | null;
    return part?.probabilities.data ?? null;
  }

  private async distribution({ request, step }: GetDistribution): Promise<DistributionReply> {
    const exact = this.manifest.distribution_exact ? await this.exact(step) : null;
    if (!exact) throw new Refusal("The session does not hold exact distributions.");
    return { kind: "distribution_reply", request, run_id: this.runId, step, probabilities: flat(exact) };
  }

  // ------------------------------------------------------------------------- attention

  private async history(asked: GetHeadHistory): Promise<HeadHistoryReply> {
    const { request, layer, head, start } = asked;
    const stop = Math.min(asked.stop || this.positions, this.positions, start + MAX_HISTORY);
    if (start >= stop) throw new Refusal("The session has no such positions.");
    const fields = ["entropy", "peak_weight", "sink"] as const;
    const [entropy, peak, sink] = fields.map(() => new Float32Array(stop - start).fill(Number.NaN));
    const out = { entropy: entropy!, peak_weight: peak!, sink: sink! };
    for (const chunk of this.chunksBetween(start, stop)) {
      for (const [position, event] of await this.headsOf(chunk)) {
        if (position < start || position >= stop) continue;
        const at = layer * (event.entropy.shape[1] ?? 0) + head;
        for (const field of fields) out[field][position - start] = event[field].data[at] ?? Number.NaN;
      }
    }
    const told = { kind: "head_history_reply", request, run_id: this.runId, layer, head, start } as const;
    return { ...told, entropy: flat(out.entropy), peak_weight: flat(out.peak_weight), sink: flat(out.sink) };
  }

  /** Chunks in which the state of these positions was told. */
  private chunksBetween(start: number, stop: number): number[] {
    const { position } = this.timeline;
    const { frame_chunks: chunks } = this.manifest;
    const near = (step: number): number => position.data[Math.min(step, position.data.length - 1)] ?? 0;
    const out = [];
    for (let chunk = 0; chunk < chunks.length; chunk++) {
      const [, , step, steps] = chunks[chunk]!;
      if (near(step + steps) - 1 >= start && near(step) - 2 < stop) out.push(chunk);
    }
    return out;
  }

  private async headsOf(chunk: number): Promise<ReadonlyMap<number, HeadSummary>> {
    const held = this.heads.get(chunk);
    if (held) return held;
    const { complete, frame_chunks: chunks } = this.manifest;
    const whole = complete || chunk + 1 < chunks.length;
    const part = (await this.parts.load(`frames/${chunk}`)) as Frames | null;
    const found = new Map<number, HeadSummary>();
    for (const frame of framesIn(part)) {
      for (const event of frame.state) if (event.kind === "heads") found.set(event.position, owned(event));
    }
    if (whole) this.heads.set(chunk, found);
    if (this.heads.size > MOST_CHUNKS) this.heads.delete(this.heads.keys().next().value!);
    return found;
  }

  private async part(layer: number, query: number): Promise<Attention | null> {
    const [name] = attentionNames(this.manifest, [layer], query, query);
    return name ? ((await this.parts.load(name)) as Attention | null) : null;
  }

  private noRow(): Refusal {
    return new Refusal(
      // Thirty letters have room in the matrix.
      this.kept.unfinished ? "It comes once nothing runs." : "This layer is left out.",
    );
  }

  /** One head's row, or the mean or maximum over the layer's heads. */
  private async row(layer: number, head: number, mode: string, query: number): Promise<AttentionRow | null> {
    const part = await this.part(layer, query);
    if (!part) return null;
    if (mode === "head") return attentionRow(part, head, query);
    const rows = Array.from({ length: part.heads }, (_, one) => attentionRow(part, one, query));
    return rows.every((row) => row !== null) ? joined(rows, mode === "mean") : null;
  }

  private async flow({ request, mode, layer, head, position }: GetFlow): Promise<FlowReply> {
    const at = position < 0 ? this.positions - 1 : position;
    const row = mode === "rollout" ? await this.rollOut(at) : await this.row(layer, head, mode, at);
    if (!row) throw this.noRow();
    const run_id = this.runId;
    const weights = flat(row.weights);
    return {
      kind: "flow_reply",
      request,
      run_id,
      position: at,
      mode,
      layer,
      head,
      weights,
      sink: row.sink,
    };
  }

  /** As the server does: the row of a product of (I + mean) / 2 over all layers. */
  private async rollOut(position: number): Promise<AttentionRow> {
    const { model } = this.manifest.model;
    const { attention_layers: layers } = this.manifest;
    const attending = [...model.windows.data].filter((window) => window >= 0).length;
    if (layers.length < attending)
      throw new Refusal("Rollout needs every layer, and the session has not all.");
    const bytes = (layers.length * model.n_head * position ** 2) / 2;
    if (bytes > MOST_ROLLOUT)
      throw new Refusal("Rollout through so many positions is too much to read here.");
    let shares: Float32Array = new Float32Array(position + 1);
    shares[position] = 1;
    for (const layer of [...layers].sort((a, b) => b - a)) shares = await this.passBack(layer, shares);
    const left = 1 - shares.reduce((sum, share) => sum + share, 0);
    return { weights: shares, sink: left > 1e-3 ? left : 0 };
  }

  private async passBack(layer: number, shares: Float32Array): Promise<Float32Array> {
    const before = shares.map((share) => share / 2);
    for (let query = 0; query < shares.length; query++) {
      const share = shares[query]! / 2;
      if (share === 0) continue;
      const row = await this.row(layer, 0, "mean", query);
      if (!row) throw this.noRow();
      for (let key = 0; key <= query; key++) before[key]! += share * row.weights[key]!;
    }
    return before;
  }

  private async attention(asked: GetAttention): Promise<AttentionReply> {
    const { layer, head, mode, query_start } = asked;
    const kept = this.manifest.attention_layers.includes(layer);
    const block = kept ? BlockMaximum.of(asked, this.positions) : null;
    if (!block) throw this.noRow();
    for (let query = query_start; query < block.queryStop; query++) {
      const row = await this.row(layer, head, mode, query);
      if (row) block.take(query, row);
    }
    return block.reply(this.runId);
  }
}

/** Keeps an event of the state from which a step's token was chosen. `before`: it was told by then. */
function take(
  state: Map<string, TelemetryEvent>,
  event: TelemetryEvent,
  step: number,
  position: number,
  before: boolean,
): void {
  if (event.kind === "memory" && before) state.set("memory", event);
  if (event.kind === "distribution" && event.step === step) state.set(event.stage, event);
  const measured = event.kind === "heads" || event.kind === "layers" || event.kind === "experts";
  if (measured && event.position === position - 1) state.set(event.kind, event);
  if (event.kind === "cache") {
    const used = event.seq_len.data.reduce((most, one) => Math.max(most, one), 0);
    if (used === position) state.set("cache", event);
  }
}

/** With arrays of its own: as views they would keep a second of frames alive. */
function owned(event: HeadSummary): HeadSummary {
  const copy = <T extends { slice(): T }>({ data, shape }: NdArray<T>): NdArray<T> => ({
    data: data.slice(),
    shape,
  });
  const { entropy, peak_weight, sink, peak } = event;
  return {
    ...event,
    entropy: copy(entropy as NdArray<Float32Array<ArrayBuffer>>),
    peak_weight: copy(peak_weight as NdArray<Float32Array<ArrayBuffer>>),
    sink: copy(sink as NdArray<Float32Array<ArrayBuffer>>),
    peak: copy(peak as NdArray<Uint32Array<ArrayBuffer>>),
  };
}

function joined(rows: readonly AttentionRow[], mean: boolean): AttentionRow {
  const weights = new Float32Array(rows[0]?.weights.length ?? 0);
  let sink = 0;
  for (const row of rows) {
    for (let key = 0; key < weights.length; key++) {
      weights[key] = mean
        ? weights[key]! + row.weights[key]! / rows.length
        : Math.max(weights[key]!, row.weights[key]!);
    }
    sink = mean ? sink + row.sink / rows.length : Math.max(sink, row.sink);
  }
  return { weights, sink };
}
