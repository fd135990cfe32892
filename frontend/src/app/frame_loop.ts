/** How often a hidden page applies what arrives, in milliseconds: it draws nothing meanwhile. */
const HIDDEN_EVERY = 500;

/**
 * Calls `frame` once per animation frame while the page is seen, and `hidden` now and then
 * while it is not. An error of one frame does not end the loop; the same is said once.
 */
export function runFrames(frame: () => void, hidden: () => void, signal: AbortSignal): void {
  let lastError = "";
  const step = () => {
    if (signal.aborted) return;
    requestAnimationFrame(step);
    try {
      frame();
    } catch (error) {
      if (String(error) !== lastError) console.error(error);
      lastError = String(error);
    }
  };
  requestAnimationFrame(step);
  const timer = setInterval(() => {
    if (document.hidden) hidden();
  }, HIDDEN_EVERY);
  signal.addEventListener("abort", () => clearInterval(timer));
}
