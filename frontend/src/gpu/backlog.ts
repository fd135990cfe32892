/** A frame that takes the GPU so many milliseconds leaves it no time to be ready for the next one. */
const SLOW = 24;
/** Of a fast GPU one frame in so many is looked at: each look is a promise. */
const SELDOM = 8;

/**
 * Whether the GPU has had time for what it was given. A browser lets three frames pile up, which on a slow GPU
 * makes each picture three frames old: one that was slow gets the next frame when it has done with the last.
 */
export class Backlog {
  /** A frame is looked at, and when it was submitted. */
  private looking = false;
  private since = 0;
  private slow = false;
  private unseen = 0;
  private readonly finished = () => {
    this.slow = performance.now() - this.since > SLOW;
    this.looking = false;
  };

  /** Another frame would only wait. */
  get full(): boolean {
    if (!this.looking) return false;
    return this.slow || performance.now() - this.since > SLOW;
  }

  /** A frame went to the queue; it is finished when all is that the queue has now. */
  submitted(queue: GPUQueue): void {
    if (this.looking || (!this.slow && this.unseen++ % SELDOM > 0)) return;
    this.looking = true;
    this.since = performance.now();
    queue.onSubmittedWorkDone().then(this.finished, this.finished);
  }
}
