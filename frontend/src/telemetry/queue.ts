import type { Frame, Message, TelemetryEvent } from "./protocol.gen";

/** Frames whose state is held; older ones keep their events only. */
export const MAX_STATE_FRAMES = 8;

/** Messages held before they must be applied without waiting for an animation frame. */
export const MAX_MESSAGES = 2048;

/**
 * What arrived since the last animation frame, in order. Events are all kept; of state, a
 * newer one of the same thing makes the older void, and what is thrown away is counted.
 */
export class MessageQueue {
  private messages: Message[] = [];
  private spare: Message[] = [];
  private stateFrames = 0;
  /** State events thrown away unseen. */
  dropped = 0;

  get length(): number {
    return this.messages.length;
  }

  /** The queue holds as much as it may: drain it now, drawn or not. */
  get full(): boolean {
    return this.messages.length >= MAX_MESSAGES;
  }

  push(message: Message): void {
    this.messages.push(message);
    if (message.kind === "frame" && message.state.length > 0 && ++this.stateFrames > MAX_STATE_FRAMES) {
      this.shedState();
    }
  }

  /** All messages, oldest first. The list is valid until the next call. */
  drain(): readonly Message[] {
    const out = this.messages;
    this.messages = this.spare;
    this.messages.length = 0;
    this.spare = out;
    this.stateFrames = 0;
    return out;
  }

  /** Keeps only the newest state of each thing. */
  private shedState(): void {
    const seen = new Set<string>();
    let kept = 0;
    for (let i = this.messages.length - 1; i >= 0; i--) {
      const message = this.messages[i]!;
      if (message.kind !== "frame" || message.state.length === 0) continue;
      const state = message.state.toReversed().filter((event) => isFirst(seen, stateKey(event)));
      state.reverse();
      this.dropped += message.state.length - state.length;
      if (state.length > 0) kept++;
      this.messages[i] = { ...message, state } satisfies Frame;
    }
    this.stateFrames = kept;
  }
}

function isFirst(seen: Set<string>, key: string): boolean {
  if (seen.has(key)) return false;
  seen.add(key);
  return true;
}

/** Two state events with the same key are about the same thing: the newer one wins. */
export function stateKey(event: TelemetryEvent): string {
  switch (event.kind) {
    case "attention":
      return `attention ${event.layer} ${event.head}`;
    case "distribution":
      return `distribution ${event.stage}`;
    case "progress":
      return `progress ${event.task}`;
    default:
      return event.kind;
  }
}
