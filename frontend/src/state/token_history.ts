import type { TokenGenerated } from "../telemetry/protocol.gen";
import { tokenAt } from "./select";
import type { AppState } from "./state";

/** Tokens fetched at a time. */
export const PAGE = 256;
/** Pages held: a window over the past, however long the run. */
const MOST_PAGES = 8;
/** Seconds after which a page that did not come is asked for again. */
const RETRY = 3;

/** Asks for the tokens of steps `start` to `stop`; what comes goes to `deliver`. */
export type FetchTokens = (start: number, stop: number) => void;

interface Page {
  tokens: readonly TokenGenerated[];
  /** Clock time at which it was asked for. */
  askedAt: number;
  used: number;
}

/** Tokens of the run on show: those the page holds, and pages of older ones, fetched when they are looked at. */
export class TokenHistory {
  private readonly pages = new Map<number, Page>();
  private runId = "";
  private uses = 0;

  constructor(private readonly fetch: FetchTokens) {}

  /** The token of a step. Null: not here yet, but asked for, where there is such a step. */
  at(state: AppState, step: number, now: number): TokenGenerated | null {
    const run = state.run;
    if (!run || step < 0 || step >= run.count) return null;
    const held = tokenAt(state, step);
    if (held) return held.event;
    this.follow(run.started.run_id);
    const index = Math.floor(step / PAGE);
    const page = this.page(index, run.count, now);
    page.used = ++this.uses;
    return page.tokens[step - index * PAGE] ?? null;
  }

  /** Tokens that were asked for, from step `start` on. They keep their message alive, which is theirs alone. */
  deliver(runId: string, start: number, tokens: readonly TokenGenerated[]): void {
    const page = runId === this.runId ? this.pages.get(Math.floor(start / PAGE)) : undefined;
    if (page && start % PAGE === 0) page.tokens = tokens;
  }

  private follow(runId: string): void {
    if (runId === this.runId) return;
    this.runId = runId;
    this.pages.clear();
  }

  private page(index: number, count: number, now: number): Page {
    const found = this.pages.get(index);
    if (found && (found.tokens.length > 0 || now - found.askedAt < RETRY)) return found;
    const page = found ?? { tokens: [], askedAt: now, used: 0 };
    page.askedAt = now;
    if (!found) this.makeRoom();
    this.pages.set(index, page);
    this.fetch(index * PAGE, Math.min((index + 1) * PAGE, count));
    return page;
  }

  private makeRoom(): void {
    if (this.pages.size < MOST_PAGES) return;
    let oldest = -1;
    let least = Number.POSITIVE_INFINITY;
    for (const [index, page] of this.pages) {
      if (page.used < least) {
        least = page.used;
        oldest = index;
      }
    }
    this.pages.delete(oldest);
  }
}
