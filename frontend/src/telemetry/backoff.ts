/** First wait, longest wait, in seconds. */
export const FIRST_WAIT = 0.5;
export const LONGEST_WAIT = 10;

/**
 * Seconds to wait before attempt `attempt` (0 is the first retry): doubling up to a limit,
 * with a jitter of ±25 % so that many viewers do not come back at the same instant.
 */
export function backoff(attempt: number, random: () => number): number {
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(attempt, 16));
  return wait * (0.75 + 0.5 * random());
}
