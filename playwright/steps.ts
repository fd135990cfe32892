/**
 * Steps of the recorded run that show what a picture is to show. Each is the newest token of its frame, for only that
 * one has its distribution there: tokens may come faster than frames.
 */
export const STEPS = {
  /** " from" after "far removed": p .999. */
  confident: 28,
  /** " Portsmouth" after "the city of": above 4 nats, and the fourteenth choice. Alone in its frame. */
  uncertain: 36,
  start: 1,
  middle: 47,
};
