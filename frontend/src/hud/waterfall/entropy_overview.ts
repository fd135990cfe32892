import type { AppState } from "../../state/state";

/** Bins of the whole run's entropy, whatever its length. */
export const BINS = 512;

/**
 * The greatest entropy of each stretch of the run, in a fixed number of bins: when they are full, neighbours are
 * joined and each holds twice as many tokens.
 */
export class EntropyOverview {
  /** Nats; 0 where no token was seen. */
  readonly values = new Float32Array(BINS);
  /** Tokens in a bin. */
  perBin = 1;
  /** Tokens seen so far, gaps counted. */
  count = 0;
  private runId = "";

  /** Takes in what is new; true when something has changed. */
  follow(state: AppState): boolean {
    const id = state.run?.started.run_id ?? "";
    const total = state.run?.count ?? 0;
    const fresh = id !== this.runId || total < this.count;
    if (fresh) this.begin(id);
    if (total === this.count) return fresh;
    for (let step = this.count; step < total; step++) {
      const entropy = state.run!.past.entropy(step);
      if (!Number.isNaN(entropy)) this.add(step, entropy);
    }
    this.count = total;
    return true;
  }

  private begin(id: string): void {
    this.runId = id;
    this.count = 0;
    this.perBin = 1;
    this.values.fill(0);
  }

  private add(step: number, entropy: number): void {
    while (step >= BINS * this.perBin) this.join();
    const bin = Math.floor(step / this.perBin);
    this.values[bin] = Math.max(this.values[bin]!, entropy);
  }

  private join(): void {
    const { values } = this;
    for (let i = 0; i < BINS / 2; i++) values[i] = Math.max(values[2 * i]!, values[2 * i + 1]!);
    values.fill(0, BINS / 2);
    this.perBin *= 2;
  }
}
