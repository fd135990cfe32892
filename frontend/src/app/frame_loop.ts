/** Milliseconds without an animation frame after which the page looks after itself without one. */
const PATIENCE = 250;

/**
 * Calls `frame` once per animation frame, and `between` now and then while none comes: the
 * page is hidden, or the GPU is behind. What `frame` gives back it waits for, and is called again then: a
 * GPU that needs one and a half animation frames would else draw every second one. An error of one
 * frame does not end the loop; the same one is said once.
 */
export function runFrames(frame: () => Promise<void> | null, between: () => void, signal: AbortSignal): void {
  let lastError = "";
  let lastFrame = performance.now();
  let waiting = false;
  const guarded = <T>(work: () => T): T | null => {
    try {
      return work();
    } catch (error) {
      if (String(error) !== lastError) console.error(error);
      lastError = String(error);
      return null;
    }
  };
  const again = () => {
    waiting = false;
    if (!signal.aborted) guarded(frame);
  };
  const draw = () => {
    const until = guarded(frame);
    if (!until || waiting) return;
    waiting = true;
    until.then(again, again);
  };
  const step = (time: number) => {
    if (signal.aborted) return;
    requestAnimationFrame(step);
    lastFrame = time;
    draw();
  };
  requestAnimationFrame(step);
  const timer = setInterval(() => {
    if (performance.now() - lastFrame > PATIENCE) guarded(between);
  }, PATIENCE);
  signal.addEventListener("abort", () => clearInterval(timer));
}
