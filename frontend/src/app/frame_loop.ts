/** Milliseconds without an animation frame after which the page looks after itself without one. */
const PATIENCE = 250;

/**
 * Calls `frame` once per animation frame, and `between` now and then while none comes: the
 * page is hidden, or the GPU is behind. An error of one frame does not end the loop; the same
 * one is said once.
 */
export function runFrames(frame: () => void, between: () => void, signal: AbortSignal): void {
  let lastError = "";
  let lastFrame = performance.now();
  const guarded = (work: () => void) => {
    try {
      work();
    } catch (error) {
      if (String(error) !== lastError) console.error(error);
      lastError = String(error);
    }
  };
  const step = () => {
    if (signal.aborted) return;
    requestAnimationFrame(step);
    lastFrame = performance.now();
    guarded(frame);
  };
  requestAnimationFrame(step);
  const timer = setInterval(() => {
    if (performance.now() - lastFrame > PATIENCE) guarded(between);
  }, PATIENCE);
  signal.addEventListener("abort", () => clearInterval(timer));
}
