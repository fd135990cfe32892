import type { TokenGenerated } from "../telemetry/protocol.gen";

type Brief = Pick<TokenGenerated, "step" | "token_id" | "rank" | "entropy" | "probability">;

const FIRST = 1024;
/** In place of a token's id: the page has not seen this step. */
const UNSEEN = 0xffffffff;

/** Of every token of a run, however long, the few numbers that whole-run views need: 16 bytes a token. */
export class RunPast {
  private ids = new Uint32Array(FIRST).fill(UNSEEN);
  private ranks = new Uint32Array(FIRST);
  private nats = new Float32Array(FIRST);
  private chances = new Float32Array(FIRST);

  put({ step, token_id, rank, entropy, probability }: Brief): void {
    if (step >= this.ids.length) this.grow(step);
    this.ids[step] = token_id;
    this.ranks[step] = rank;
    this.nats[step] = entropy;
    this.chances[step] = probability;
  }

  /** Null where the page has not seen the step. */
  id(step: number): number | null {
    const id = this.ids[step] ?? UNSEEN;
    return id === UNSEEN ? null : id;
  }

  /** Its place among the model's candidates; 0 where the page has not seen the step. */
  rank(step: number): number {
    return this.ranks[step] ?? 0;
  }

  /** Nats; NaN where the page has not seen the step. */
  entropy(step: number): number {
    return this.id(step) === null ? Number.NaN : this.nats[step]!;
  }

  /** That it was chosen at; NaN where the page has not seen the step. */
  probability(step: number): number {
    return this.id(step) === null ? Number.NaN : this.chances[step]!;
  }

  private grow(step: number): void {
    const room = Math.max(2 * this.ids.length, step + 1);
    const { ids, ranks, nats, chances } = this;
    this.ids = new Uint32Array(room).fill(UNSEEN);
    this.ids.set(ids);
    this.ranks = new Uint32Array(room);
    this.ranks.set(ranks);
    this.nats = new Float32Array(room);
    this.nats.set(nats);
    this.chances = new Float32Array(room);
    this.chances.set(chances);
  }
}
