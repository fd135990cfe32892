/** A few numbers of every token of a run, by step. */
export interface Brief {
  readonly count: number;
  /** Null where the page has not seen the step. */
  id(step: number): number | null;
  probability(step: number): number;
  /** Nats. */
  entropy(step: number): number;
}

/** Where the page is in a run, and how it gets elsewhere: through a kept one, or along a live one. */
export interface Transport {
  /** A kept run: it plays. A live one can be looked back on. */
  readonly replay: boolean;
  readonly tokens: Brief;
  /** Tokens up to the moment on show; a fraction of the next where there is one. */
  readonly at: number;
  /** Seconds of the run; NaN where they are not known. */
  readonly time: number;
  readonly duration: number;
  readonly playing: boolean;
  readonly speed: number;
  /** Goes to where the token of a step has just come. */
  seek(step: number): void;
  toggle(): void;
  changeSpeed(by: number): void;
}
