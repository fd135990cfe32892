/** Follows what the person has asked of all pages: less motion, or not. */
export function followReducedMotion(ui: { reducedMotion: boolean }, signal: AbortSignal): void {
  const motion = matchMedia("(prefers-reduced-motion: reduce)");
  const follow = (): void => {
    ui.reducedMotion = motion.matches;
  };
  follow();
  motion.addEventListener("change", follow, { signal });
}
