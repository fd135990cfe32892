import { attentionKey } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { halfToFloat } from "../../telemetry/half";
import type { AttentionWeights } from "../../telemetry/protocol.gen";
import { shownPosition } from "../moment_position";
import { Seen } from "../seen";
import type { HudHost } from "../ui";
import type { FlowRow } from "./flow_model";

export const MODES = ["head", "mean", "rollout"] as const;
export type FlowMode = (typeof MODES)[number];

/** Least seconds between two questions while the run goes on: a rollout goes through all layers. */
const PACE: Readonly<Record<FlowMode, number>> = { head: 0.05, mean: 0.1, rollout: 0.25 };
/**
 * Of the time that goes into answers of the newest moment: what they are computed with is taken from the model, and a
 * rollout through a thousand positions takes a tenth of a second.
 */
const SHARE = 1 / 20;
/** Seconds between two questions at most: the first answer takes longer than all that follow. */
const SLOWEST = 2;
/** Seconds after which a refused question is put again. */
const RETRY = 2;

/** A row of the stream as numbers; `query` counts from the event's first. */
export function rowOf(event: AttentionWeights, query: number): FlowRow | null {
  const [rows = 0, keys = 0] = event.weights.shape;
  if (query < 0 || query >= rows) return null;
  const position = event.query_start + query;
  const weights = new Float32Array(Math.min(position + 1, keys));
  const at = query * keys;
  for (let i = 0; i < weights.length; i++) weights[i] = halfToFloat(event.weights.data[at + i]!);
  if (weights.length === 0 || Number.isNaN(weights[0]!)) return null;
  return { position, weights, sink: event.sink.data[query] ?? 0 };
}

/** The row on show, wherever it comes from: the stream, or an answer to a question. */
export class FlowFeed {
  row: FlowRow | null = null;
  /** Why there is none; empty while it is on its way. */
  refusal = "";
  /** What `row` is of, but for its position; and how often that was another. */
  private readonly seen = new Seen();
  private turn = 0;
  /** Counts what makes an answer on its way late: a row that the stream brought, or that counts no more. */
  private asking = 0;
  private event: AttentionWeights | null = null;
  /** Position of the last question; -1 before one. */
  private asked = -1;
  private askedAt = Number.NEGATIVE_INFINITY;
  private refusedAt = Number.NEGATIVE_INFINITY;
  /** Seconds that the last answer took. */
  private took = 0;
  private now = 0;

  /** `slot` names the purpose among all questions of the page. */
  constructor(private readonly slot = "flow") {}

  /** Brings the row up to what is selected. Call once a frame. */
  update(state: AppState, mode: FlowMode, now: number, host: HudHost): void {
    this.now = now;
    const run = state.run?.started.run_id ?? "";
    const { layer, head } = state.selection;
    const { seen } = this;
    seen.begin();
    seen.value(run);
    seen.value(mode);
    seen.value(mode === "rollout" ? -1 : layer);
    seen.value(mode === "head" ? head : -1);
    if (seen.changed) this.begin();
    if (run === "") return;
    const position = shownPosition(state);
    const pinned = state.selection.step !== null;
    if (mode === "head" && this.fromStream(state, pinned ? position : null)) return;
    if (position === null || this.row?.position === position) return;
    if (mode !== "rollout" && this.fromHistory(state, mode, position)) return;
    const pace = pinned ? PACE[mode] : Math.max(PACE[mode], Math.min(this.took / SHARE, SLOWEST));
    this.ask(mode, layer, head, position, pace, host);
  }

  /** What was on show counts no more. */
  forget(): void {
    this.begin();
    this.asking++;
  }

  private begin(): void {
    this.turn++;
    this.row = null;
    this.event = null;
    this.refusal = "";
    this.asked = -1;
    this.took = 0;
  }

  /** The newest row, or that of `position`, if the stream brought it last. */
  private fromStream(state: AppState, position: number | null): boolean {
    const { layer, head } = state.selection;
    const event = state.attention.get(attentionKey(layer, head));
    if (!event) return false;
    const last = (event.weights.shape[0] ?? 0) - 1;
    const query = position === null ? last : position - event.query_start;
    if (query < 0 || query > last) return false;
    if (event === this.event && this.row?.position === event.query_start + query) return true;
    const row = rowOf(event, query);
    if (!row) return false;
    this.event = event;
    this.row = row;
    this.asking++;
    return true;
  }

  /** The row of `position`, if the page has all of it. */
  private fromHistory(state: AppState, mode: "head" | "mean", position: number): boolean {
    const { layer, head } = state.selection;
    const matrix = state.attentionHistory.get(layer, head, mode);
    if (matrix?.block !== 1 || !matrix.isKnown(position)) return false;
    this.row = {
      position,
      weights: Float32Array.from(matrix.row(position), halfToFloat),
      sink: matrix.sink(position),
    };
    return true;
  }

  private ask(
    mode: FlowMode,
    layer: number,
    head: number,
    position: number,
    pace: number,
    host: HudHost,
  ): void {
    const { now } = this;
    const again = this.refusal !== "" && now - this.refusedAt > RETRY;
    if ((position === this.asked && !again) || now - this.askedAt < pace) return;
    this.asked = position;
    this.askedAt = now;
    this.put(mode, layer, head, position, now, host);
  }

  private put(
    mode: FlowMode,
    layer: number,
    head: number,
    position: number,
    now: number,
    host: HudHost,
  ): void {
    const { turn, asking } = this;
    const late = () => turn !== this.turn || asking !== this.asking;
    host.ask(
      this.slot,
      { kind: "get_flow", position, mode, layer, head },
      (reply) => {
        if (turn === this.turn) this.took = this.now - now;
        if (late()) return;
        this.refusal = "";
        this.row = { position: reply.position, weights: reply.weights.data.slice(), sink: reply.sink };
      },
      (message) => {
        if (late()) return;
        this.refusal = message;
        this.refusedAt = now;
      },
    );
  }
}
