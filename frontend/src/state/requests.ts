import type {
  AttentionReply,
  Command,
  DistributionReply,
  FlowReply,
  HeadHistoryReply,
  Message,
  MomentReply,
  TokensReply,
} from "../telemetry/protocol.gen";

/** What each question is answered by. */
export interface Answers {
  get_attention: AttentionReply;
  get_distribution: DistributionReply;
  get_moment: MomentReply;
  get_tokens: TokensReply;
  get_head_history: HeadHistoryReply;
  get_flow: FlowReply;
}

export type Question = Extract<Command, { kind: keyof Answers }>;

/** A command that is answered; all of them, and they alone, have a number. */
export function isQuestion(command: Command): command is Question {
  return "request" in command;
}

type WithoutNumber<Q> = Q extends Question ? Omit<Q, "request"> : never;

/** A question as it is put: the number is given here. */
export type Asked = WithoutNumber<Question>;

/** Questions on their way at a time; the server takes 16 of a viewer. */
const MOST_AT_ONCE = 8;

interface Waiting {
  readonly slot: string;
  readonly asked: Asked;
  readonly done: (reply: Message) => void;
  readonly refused: (message: string) => void;
}

/**
 * Questions to the server and who waits for their answers. A slot is a purpose ("the pinned
 * moment", "the flow"): it has one question on its way at most, and of those that come
 * meanwhile the newest alone is asked, so that dragging through a run floods nobody.
 */
export class Requests {
  private next = 1;
  private readonly sent = new Map<number, Waiting>();
  private readonly waiting = new Map<string, Waiting>();

  constructor(private readonly send: (command: Question) => void) {}

  /**
   * Ask. `done` or `refused` is called once for each question that was sent, unless its slot
   * is cancelled; one that a newer replaces before it was sent is forgotten.
   */
  ask<A extends Asked>(
    slot: string,
    asked: A,
    done: (reply: Answers[A["kind"]]) => void,
    refused: (message: string) => void = () => {},
  ): void {
    this.waiting.set(slot, { slot, asked, done: done as (reply: Message) => void, refused });
    this.sendNext();
  }

  /** Any question is on its way or waits. */
  get busy(): boolean {
    return this.sent.size > 0 || this.waiting.size > 0;
  }

  /** A question of this slot is on its way or waits. */
  isBusy(slot: string): boolean {
    return this.waiting.has(slot) || this.isSent(slot);
  }

  /** Nobody wants the slot's answers any more. */
  cancel(slot: string): void {
    this.waiting.delete(slot);
    for (const [request, one] of this.sent) if (one.slot === slot) this.sent.delete(request);
    this.sendNext();
  }

  /** A message came. True if it answered a question of this page. */
  receive(message: Message): boolean {
    if (message.kind === "welcome") {
      this.sendAgain();
      return false;
    }
    if (!("request" in message)) return false;
    const one = this.sent.get(message.request);
    if (!one) return false;
    this.sent.delete(message.request);
    if (message.kind === "rejected") one.refused(message.message);
    else one.done(message);
    this.sendNext();
    return true;
  }

  /** What was on its way when the connection broke is lost; under a new number it can't be mistaken. */
  private sendAgain(): void {
    const lost = [...this.sent.values()];
    this.sent.clear();
    for (const one of lost) if (!this.waiting.has(one.slot)) this.waiting.set(one.slot, one);
    this.sendNext();
  }

  private sendNext(): void {
    for (const [slot, one] of this.waiting) {
      if (this.sent.size >= MOST_AT_ONCE) return;
      if (this.isSent(slot)) continue;
      this.waiting.delete(slot);
      const request = this.next++;
      this.sent.set(request, one);
      this.send({ ...one.asked, request } as Question);
    }
  }

  private isSent(slot: string): boolean {
    for (const one of this.sent.values()) if (one.slot === slot) return true;
    return false;
  }
}
