/** The newest numbers of one kind, in place; percentiles are for benches and allocate. */
export class Samples {
  private readonly values: Float64Array;
  private next = 0;
  private held = 0;

  constructor(readonly capacity: number) {
    this.values = new Float64Array(capacity);
  }

  push(value: number): void {
    this.values[this.next] = value;
    this.next = (this.next + 1) % this.capacity;
    if (this.held < this.capacity) this.held++;
  }

  clear(): void {
    this.next = 0;
    this.held = 0;
  }

  /** Oldest first. */
  toArray(): number[] {
    const start = this.held < this.capacity ? 0 : this.next;
    return Array.from({ length: this.held }, (_, i) => this.values[(start + i) % this.capacity]!);
  }
}

/** What the page measures of itself. */
export class Metrics {
  /** JavaScript of one animation frame, in milliseconds. */
  readonly script = new Samples(4096);
  /** Time between animation frames, in milliseconds. */
  readonly interval = new Samples(4096);
  /** From the making of a frame at the server to its submission to the GPU, in milliseconds. */
  readonly latency = new Samples(4096);
  /** The same to the submission of the picture that shows it: later where the GPU is behind. */
  readonly drawn = new Samples(4096);
  /** From a frame's arrival in the page to its submission to the GPU, in milliseconds. */
  readonly inPage = new Samples(4096);
  /** Frames drawn. */
  frames = 0;
  /** Telemetry frames applied. */
  received = 0;
  /** Times the GPU device was rebuilt. */
  rebuilds = 0;

  reset(): void {
    for (const samples of [this.script, this.interval, this.latency, this.drawn, this.inPage])
      samples.clear();
    this.frames = 0;
    this.received = 0;
  }
}
