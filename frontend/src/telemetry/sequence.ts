import type { Frame } from "./protocol.gen";

/**
 * Watches the numbers of the events, so that each is passed on exactly once and in order
 * however often the connection breaks.
 */
export class SequenceTracker {
  session = "";
  /** Number of the newest event passed on; 0 before the first. */
  last = 0;
  /** Nothing was seen of this session yet: it may begin anywhere, as old events are forgotten. */
  private fresh = true;

  /** A new session, or one that could not be resumed. */
  begin(session: string): void {
    this.session = session;
    this.last = 0;
    this.fresh = true;
  }

  /**
   * The frame without events that were passed on before; the very same object when there are
   * none. `null` when events are missing between the last and this one: the frame must not
   * be used.
   */
  accept(frame: Frame): Frame | null {
    const count = frame.events.length;
    if (count === 0) return frame;
    const first = frame.first_seq;
    if (!this.fresh && first > this.last + 1) return null;
    const skip = this.fresh ? 0 : Math.min(this.last + 1 - first, count);
    this.fresh = false;
    this.last = Math.max(this.last, first + count - 1);
    if (skip === 0) return frame;
    return { ...frame, first_seq: first + skip, events: frame.events.slice(skip) };
  }
}
