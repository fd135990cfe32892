/** A frame that takes the GPU so many milliseconds leaves it no time to be ready for the next one. */
const SLOW = 24;
/** Of a fast GPU one frame in so many is looked at: each look is a promise. */
const SELDOM = 8;

/**
 * Whether the GPU has had time for what it was given. A browser lets three frames pile up, which on a slow GPU
 * makes each picture three frames old: one that was slow gets the next frame when it has done with the last.
 */
export class Backlog {
  /** When the frame that is looked at was submitted; NaN for none. */
  private since = Number.NaN;
  private slow = false;
  private unseen = 0;
  private readonly finished = () => {
    this.slow = performance.now() - this.since > SLOW;
    this.since = Number.NaN;
  };

  /** Another frame would only wait. */
  get full(): boolean {
    if (Number.isNaN(this.since)) return false;
    return this.slow || performance.now() - this.since > SLOW;
  }

  /** A frame went to the queue; it is finished when all is that the queue has now. */
  submitted(queue: GPUQueue): void {
    if (!Number.isNaN(this.since) || (!this.slow && this.unseen++ % SELDOM > 0)) return;
    this.since = performance.now();
    queue.onSubmittedWorkDone().then(this.finished, this.finished);
  }
}
