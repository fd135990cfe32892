import type { AppState, TokenRow } from "../state/state";

/** Tokens in order, as a ring holds them: 0 is the oldest, -1 the newest. */
export interface Tokens {
  readonly length: number;
  at(index: number): TokenRow | undefined;
}

/** The tokens up to the moment on show: the pinned one is the newest. Reused, never allocated. */
export class TokensUntil implements Tokens {
  length = 0;
  private tokens: Tokens | null = null;

  follow(state: AppState): this {
    const { tokens } = state;
    const { step } = state.selection;
    const newest = tokens.at(-1)?.event.step ?? -1;
    const after = step === null ? 0 : Math.max(0, newest - step);
    this.tokens = tokens;
    this.length = Math.max(0, tokens.length - after);
    return this;
  }

  at(index: number): TokenRow | undefined {
    const i = index < 0 ? this.length + index : index;
    return i >= 0 && i < this.length ? this.tokens?.at(i) : undefined;
  }
}
