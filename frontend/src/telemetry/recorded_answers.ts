import type { Question } from "../state/requests";
import { type AttentionRow, BlockMaximum, flat } from "./block_maximum";
import { halfToFloat } from "./half";
import type {
  AttentionReply,
  AttentionWeights,
  FlowReply,
  GetAttention,
  GetFlow,
  GetHeadHistory,
  GetMoment,
  GetTokens,
  HeadHistoryReply,
  HeadSummary,
  Message,
  MomentReply,
  TelemetryEvent,
  TokenGenerated,
  TokensReply,
} from "./protocol.gen";
import { MAX_HISTORY, MAX_TOKENS } from "./protocol.gen";

const NOT_HELD = "The recording does not hold that.";

/** What a recording can say of the run so far: what was in its frames, and a refusal of all else. */
export class RecordedAnswers {
  private runId = "";
  private tokens: TokenGenerated[] = [];
  /** By kind and the step or position it is of. */
  private readonly state = new Map<string, TelemetryEvent>();
  /** Events with rows, by layer and head, and each row's position. */
  private readonly rows = new Map<string, Map<number, AttentionWeights>>();

  /** A message of the recording. */
  take(message: Message): void {
    if (message.kind !== "frame") return;
    // A reading holds for the tokens it came with.
    const reading = message.state.find((event) => event.kind === "memory");
    if (reading) this.state.set(`memory ${this.tokens.length}`, reading);
    for (const event of message.events) this.takeEvent(event);
    for (const event of message.state) this.takeEvent(event);
  }

  clear(): void {
    this.runId = "";
    this.tokens = [];
    this.state.clear();
    this.rows.clear();
  }

  answer(question: Question): Message {
    const reply = this.reply(question);
    return reply ?? { kind: "rejected", request: question.request, message: NOT_HELD };
  }

  private takeEvent(event: TelemetryEvent): void {
    switch (event.kind) {
      case "run_started": {
        // The memory is the model's: it outlives a run.
        const standing = this.state.get(`memory ${this.memoryStep(this.tokens.length)}`);
        this.clear();
        if (standing) this.state.set("memory -1", standing);
        this.runId = event.run_id;
        break;
      }
      case "token":
        this.tokens[event.step] = event;
        break;
      case "distribution":
        this.state.set(`${event.stage} ${event.step}`, event);
        break;
      case "heads":
      case "layers":
      case "experts":
        this.state.set(`${event.kind} ${event.position}`, event);
        break;
      case "cache":
        this.state.set(`cache ${event.seq_len.data.reduce((most, used) => Math.max(most, used), 0)}`, event);
        break;
      case "attention":
        this.takeRows(event);
        break;
    }
  }

  private takeRows(event: AttentionWeights): void {
    const key = `${event.layer}/${event.head}`;
    const rows = this.rows.get(key) ?? new Map<number, AttentionWeights>();
    this.rows.set(key, rows);
    for (let row = 0; row < (event.weights.shape[0] ?? 0); row++) rows.set(event.query_start + row, event);
  }

  private reply(question: Question): Message | null {
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
        return null; // what was recorded is not the exact one
    }
  }

  private moment({ request, step }: GetMoment): MomentReply | null {
    const token = this.tokens[step];
    if (!token) return null;
    const position = token.position - 1;
    const keys = [`model ${step}`, `sampler ${step}`, `heads ${position}`, `layers ${position}`];
    keys.push(`experts ${position}`, `cache ${token.position}`);
    keys.push(`memory ${this.memoryStep(step)}`);
    const state = keys.map((key) => this.state.get(key)).filter((event) => event !== undefined);
    return state.length > 0 ? { kind: "moment_reply", request, run_id: this.runId, step, state } : null;
  }

  /** The newest step not after `step` with whose token the memory was read; -1 is before the run. */
  private memoryStep(step: number): number {
    let at = step;
    while (at > -1 && !this.state.has(`memory ${at}`)) at--;
    return at;
  }

  private range({ request, start, stop }: GetTokens): TokensReply {
    const end = Math.min(stop || this.tokens.length, start + MAX_TOKENS);
    const tokens = this.tokens.slice(start, end).filter(Boolean);
    return { kind: "tokens_reply", request, run_id: this.runId, tokens };
  }

  private history({ request, layer, head, start, stop }: GetHeadHistory): HeadHistoryReply | null {
    const held = this.newestPosition() + 1;
    const end = Math.min(stop || held, held, start + MAX_HISTORY);
    if (start >= end) return null;
    const take = (field: "entropy" | "peak_weight" | "sink") =>
      Float32Array.from({ length: end - start }, (_, i) => {
        const event = this.state.get(`heads ${start + i}`) as HeadSummary | undefined;
        return event?.[field].data[layer * (event[field].shape[1] ?? 0) + head] ?? Number.NaN;
      });
    const [entropy, peak_weight, sink] = [
      flat(take("entropy")),
      flat(take("peak_weight")),
      flat(take("sink")),
    ];
    if (entropy.data.every(Number.isNaN)) return null;
    const run_id = this.runId;
    return { kind: "head_history_reply", request, run_id, layer, head, start, entropy, peak_weight, sink };
  }

  private flow({ request, mode, layer, head, position }: GetFlow): FlowReply | null {
    const at = position < 0 ? this.newestPosition() : position;
    const row = mode === "head" ? this.row(layer, head, at) : null;
    if (!row) return null;
    const { weights, sink } = row;
    const run_id = this.runId;
    return {
      kind: "flow_reply",
      request,
      run_id,
      position: at,
      mode,
      layer,
      head,
      weights: flat(weights),
      sink,
    };
  }

  private attention(asked: GetAttention): AttentionReply | null {
    const { layer, head, mode, query_start } = asked;
    const block = mode === "head" ? BlockMaximum.of(asked, this.newestPosition() + 1) : null;
    if (!block) return null;
    for (let query = query_start; query < block.queryStop; query++) {
      const row = this.row(layer, head, query);
      if (row) block.take(query, row);
    }
    return block.empty ? null : block.reply(this.runId);
  }

  private row(layer: number, head: number, position: number): AttentionRow | null {
    const event = this.rows.get(`${layer}/${head}`)?.get(position);
    if (!event) return null;
    const row = position - event.query_start;
    const keys = event.weights.shape[1] ?? 0;
    const bits = event.weights.data.subarray(row * keys, row * keys + position + 1);
    return { weights: Float32Array.from(bits, halfToFloat), sink: event.sink.data[row] ?? 0 };
  }

  private newestPosition(): number {
    return (this.tokens.at(-1)?.position ?? 0) - 1;
  }
}
