import type { StateEvent } from "./protocol.gen";

/**
 * Tells news from what is said again: a chunk of a kept run begins with all state that stands, so that one can
 * begin to read there; who read on has heard it.
 */
export class Retold {
  private readonly heard = new Map<string, string>();

  clear(): void {
    this.heard.clear();
  }

  /** Of the state of a frame what is new; `all`: the frame says again what stands. */
  news(state: readonly StateEvent[], all: boolean): readonly StateEvent[] {
    const fresh = state.filter((event) => {
      const what = whatOf(event);
      const said = wordOf(event);
      if (all && this.heard.get(what) === said) return false;
      this.heard.set(what, said);
      return true;
    });
    return fresh.length === state.length ? state : fresh;
  }
}

function whatOf(event: StateEvent): string {
  if (event.kind === "distribution") return `distribution ${event.stage}`;
  if (event.kind === "attention") return `attention ${event.layer}/${event.head}`;
  if (event.kind === "progress") return `progress ${event.task}`;
  return event.kind;
}

/** The same for two events only if they say the same. */
function wordOf(event: StateEvent): string {
  switch (event.kind) {
    case "distribution":
      return String(event.step);
    case "attention":
      return `${event.query_start} ${event.weights.shape[0]}`;
    case "heads":
    case "layers":
    case "experts":
      return String(event.position);
    case "cache":
      return event.seq_len.data.join() + event.write_head.data.join();
    case "memory":
      return [event.process_resident, event.cache_total, event.activations, event.gpu_allocated].join();
    case "progress":
      return `${event.fraction} ${event.done}`;
  }
}
