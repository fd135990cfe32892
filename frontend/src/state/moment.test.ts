import { beforeEach, describe, expect, it } from "vitest";
import { instrumentRun, stateOf } from "../../test/instrument_run";
import { recorded } from "../../test/monitor_run";
import type {
  Distribution,
  Frame,
  Message,
  MomentReply,
  TelemetryEvent,
  TokenGenerated,
} from "../telemetry/protocol.gen";
import { TOKEN_CAPACITY } from "./initial";
import { MOMENT_CAPACITY, MomentKeeper, shown } from "./moment";
import { apply, momentSettled, stepSelected } from "./reduce";
import { type Question, Requests } from "./requests";
import type { AppState } from "./state";

const { events } = instrumentRun("smollm2");
const token = events.find((event) => event.kind === "token") as TokenGenerated;
const measured = events.filter((event) => event.kind === "layers" || event.kind === "heads");

let state: AppState;
let sent: Question[];
let keeper: MomentKeeper;
let requests: Requests;

/** A message as the page takes it in: applied, then given to who asked. */
function receive(message: Message, now = 5): void {
  apply(state, message, now);
  requests.receive(message);
}

function reply(request: number, step: number, held: readonly TelemetryEvent[] = []): MomentReply {
  return { kind: "moment_reply", request, run_id: token.run_id, step, state: held };
}

/** The real measurements, as if of another position. */
function at(position: number): TelemetryEvent[] {
  return [...new Map(measured.map((event) => [event.kind, { ...event, position }])).values()];
}

beforeEach(() => {
  state = stateOf(events);
  sent = [];
  requests = new Requests((question) => void sent.push(question));
  keeper = new MomentKeeper(requests, (run, step, fetched) => momentSettled(state, run, step, fetched));
});

describe("the moment on show", () => {
  it("is the newest while nothing is pinned", () => {
    const now = shown(state);
    expect(now.pinned).toBe(false);
    expect(now.row).toBe(state.tokens.at(-1));
    expect(now.heads).toBe(state.heads);
    expect(now.layers).toBe(state.layers);
    expect(now.position).toBe(state.layers!.position);
    keeper.update(state);
    expect(sent).toEqual([]);
  });

  it("is asked for once when a token is pinned, and shown whole when it comes", () => {
    stepSelected(state, 1);
    keeper.update(state);
    keeper.update(state);
    expect(sent).toEqual([{ kind: "get_moment", step: 1, request: 1 }]);
    // What was on show stays until then: no number of another moment beside this one's.
    expect(shown(state).row).toBe(state.tokens.at(-1));
    receive(reply(1, 1, at(40)));
    const now = shown(state);
    expect(now.pinned).toBe(true);
    expect(now.row?.event.step).toBe(1);
    expect([now.heads?.position, now.layers?.position, now.position]).toEqual([40, 40, 40]);
    expect(now.experts).toBeNull();
    keeper.update(state);
    expect(sent).toHaveLength(1);
  });

  it("keeps the two stages of the distribution apart, each with its arrival", () => {
    const model = recorded.find((event) => event.kind === "distribution") ?? distribution("model");
    stepSelected(state, 0);
    receive(reply(9, 0, [model, distribution("sampler")]), 7);
    expect(shown(state).distribution).toEqual({ event: model, arrived: 7 });
    expect(shown(state).sampled?.stage).toBe("sampler");
    expect(shown(state).previousDistribution).toBeNull();
  });

  it("stays while the next one is on its way", () => {
    for (const step of [0, 1]) {
      stepSelected(state, step);
      keeper.update(state);
      if (step === 0) receive(reply(1, 0, at(30)));
      expect(shown(state).row?.event.step).toBe(0);
    }
    receive(reply(2, 1, at(31)));
    expect(shown(state).row?.event.step).toBe(1);
  });

  it("follows the newest again, and forgets the one it left", () => {
    stepSelected(state, 0);
    receive(reply(1, 0, at(30)));
    expect(shown(state).pinned).toBe(true);
    stepSelected(state, null);
    expect(shown(state).row).toBe(state.tokens.at(-1));
    stepSelected(state, 1);
    expect(shown(state).pinned).toBe(false);
  });

  it("has its token and nothing else when the server keeps nothing", () => {
    stepSelected(state, 1);
    keeper.update(state);
    receive({ kind: "rejected", request: 1, message: "Not kept." });
    expect(state.rejected).toBeNull();
    const now = shown(state);
    expect(now.row?.event.step).toBe(1);
    expect([now.heads, now.layers, now.distribution, now.cache]).toEqual([null, null, null, null]);
    expect(now.position).toBe(now.row!.event.position - 1);
    keeper.update(state);
    expect(sent).toHaveLength(1);
  });

  it("has a token fetched that the page has forgotten", () => {
    const next = (step: number): TelemetryEvent => ({ ...token, step, position: token.position + step });
    const first = state.run!.count;
    for (let step = first; step < TOKEN_CAPACITY + 20; step++) apply(state, frame([next(step)]), 3);
    stepSelected(state, 2);
    keeper.update(state);
    expect(sent).toEqual([{ kind: "get_tokens", start: 2, stop: 3, request: 1 }]);
    const fetched = next(2) as TokenGenerated;
    receive({ kind: "tokens_reply", request: 1, run_id: token.run_id, tokens: [fetched] });
    receive(reply(2, 2, at(fetched.position - 1)));
    expect(shown(state).row?.event.step).toBe(2);
    expect(shown(state).layers?.position).toBe(fetched.position - 1);
  });

  it("of a run that is over is void", () => {
    stepSelected(state, 0);
    receive(reply(1, 0, at(30)));
    apply(state, frame([{ ...events.find((e) => e.kind === "run_started")!, run_id: "next" } as never]), 9);
    expect(state.selection.step).toBeNull();
    expect(state.moments.get(0)).toBeUndefined();
    receive(reply(2, 0, at(30)));
    expect(state.moments.get(0)).toBeUndefined();
  });

  it("is held with a bound", () => {
    for (let step = 0; step < 3 * MOMENT_CAPACITY; step++) receive(reply(step, step));
    expect(state.moments.get(0)).toBeUndefined();
    expect(state.moments.get(3 * MOMENT_CAPACITY - 1)).toBeDefined();
    const held = Array.from({ length: 3 * MOMENT_CAPACITY }, (_, step) => state.moments.get(step));
    expect(held.filter(Boolean)).toHaveLength(MOMENT_CAPACITY);
  });
});

function frame(list: TelemetryEvent[]): Frame {
  return { kind: "frame", number: 1, time: 0, first_seq: 1, events: list, state: [] };
}

function distribution(stage: "model" | "sampler"): Distribution {
  const empty = <T>(data: T) => ({ data, shape: [0] });
  return {
    kind: "distribution",
    run_id: token.run_id,
    step: 0,
    stage,
    n_vocab: 2,
    codes: empty(new Uint8Array(0)),
    codebook: empty(new Float32Array(16)),
    block_counts: empty(new Uint32Array(1)),
    index_low: empty(new Uint16Array(0)),
    values: empty(new Uint16Array(0)),
    low: 0,
    high: 0,
    top_ids: empty(new Uint32Array(0)),
    top_p: empty(new Float32Array(0)),
    total_variation: 0,
  };
}
