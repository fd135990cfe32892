import { vocabularyArrived } from "../state/reduce";
import type { AppState, Notice } from "../state/state";
import { backoff } from "../telemetry/backoff";
import type { Positions, Resources } from "../telemetry/resources";

interface Task {
  /** What is fetched or held: a change of it starts anew. */
  hash: string;
  kind: string;
  attempt: number;
  /** Clock time of the next attempt; infinite while one is under way or all is there. */
  due: number;
  abort: AbortController | null;
}

/**
 * Fetches what the state names by hash: the vocabulary and the newest positions, once each,
 * and again after a failure.
 */
export class Fetcher {
  private readonly vocabulary = newTask();
  private readonly layout = newTask();
  /** Kept on this side too: a lost GPU device is rebuilt from here. */
  positions: Positions | null = null;
  /** What failed last, until it comes. */
  notice: Notice | null = null;

  constructor(
    private readonly state: AppState,
    private readonly resources: Resources,
    private readonly now: () => number,
    private readonly arrived: (positions: Positions | null) => void,
    /** Something came, or failed. */
    private readonly changed: () => void,
  ) {}

  /** Starts what is due. Cheap when nothing is. */
  update(): void {
    const { model, positions } = this.state;
    const vocabulary = model?.vocabulary_hash ?? "";
    if (due(this.vocabulary, vocabulary, "", this.now())) this.fetchNames(vocabulary);
    const hash = positions?.embedding_hash ?? "";
    const method = positions?.method ?? "pca";
    if (this.positions && hash !== this.positions.hash && hash !== "") this.take(null);
    if (due(this.layout, hash, method, this.now())) this.fetchPositions(hash, method);
  }

  close(): void {
    this.vocabulary.abort?.abort();
    this.layout.abort?.abort();
  }

  private fetchNames(hash: string): void {
    this.run(this.vocabulary, "names of the tokens", async (signal) => {
      vocabularyArrived(this.state, await this.resources.vocabulary(hash, signal));
    });
  }

  private fetchPositions(hash: string, method: Positions["method"]): void {
    this.run(this.layout, "positions of the tokens", async (signal) => {
      this.take(await this.resources.positions(hash, method, signal));
    });
  }

  private take(positions: Positions | null): void {
    this.positions = positions;
    this.arrived(positions);
  }

  private run(task: Task, what: string, work: (signal: AbortSignal) => Promise<void>): void {
    const abort = new AbortController();
    task.abort = abort;
    task.due = Number.POSITIVE_INFINITY;
    work(abort.signal).then(
      () => {
        task.attempt = 0;
        this.notice = null;
        this.changed();
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        task.due = this.now() + backoff(task.attempt++, Math.random);
        const reason = error instanceof Error ? error.message : String(error);
        this.notice = {
          message: `The ${what} could not be fetched; trying again. ${reason}`,
          arrived: this.now(),
        };
        this.changed();
      },
    );
  }
}

function newTask(): Task {
  return { hash: "", kind: "", attempt: 0, due: Number.POSITIVE_INFINITY, abort: null };
}

/** Whether `task` must be started now for the thing named; a new name ends work on the old. */
function due(task: Task, hash: string, kind: string, now: number): boolean {
  if (hash === "") return false;
  if (task.hash !== hash || task.kind !== kind) {
    task.abort?.abort();
    task.hash = hash;
    task.kind = kind;
    task.attempt = 0;
    task.due = now;
  }
  return now >= task.due;
}
