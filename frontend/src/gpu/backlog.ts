/** A frame that takes the GPU so many milliseconds leaves it no time to be ready for the next one. */
const SLOW = 24;
/** Frames that a fast GPU may have before it: one that it draws and one that waits. */
const MOST = 2;

/**
 * The frames that the GPU has not finished. A browser lets three of them pile up, which on a slow GPU makes
 * each picture three frames old: a GPU that was slow gets the next frame when it has done with the last.
 */
export class Backlog {
  private readonly begun = new Float64Array(MOST);
  private oldest = 0;
  private held = 0;
  private slow = false;
  private readonly finished = () => {
    this.slow = performance.now() - this.begun[this.oldest]! > SLOW;
    this.oldest = (this.oldest + 1) % MOST;
    this.held = Math.max(0, this.held - 1);
  };

  /** Another frame would only wait. */
  get full(): boolean {
    return this.held >= (this.slow ? 1 : MOST);
  }

  /** A frame went to the queue; it is finished when all is that the queue has now. */
  submitted(queue: GPUQueue): void {
    this.begun[(this.oldest + this.held) % MOST] = performance.now();
    this.held++;
    queue.onSubmittedWorkDone().then(this.finished, this.finished);
  }
}
