import { describe, expect, it } from "vitest";
import { recorded, stateAfter } from "../../test/monitor_run";
import { createState } from "../state/initial";
import { emptyMoment } from "../state/moment";
import type { CacheStatus, TokenGenerated } from "../telemetry/protocol.gen";
import { monitorModel } from "./monitor_model";

const tokens = recorded.filter((event): event is TokenGenerated => event.kind === "token");

describe("the monitor's model of a recorded run", () => {
  it("says what runs and how fast", () => {
    const { status } = monitorModel(stateAfter(12));
    expect(status.title).toBe("INFERENCE ACTIVE");
    expect(status.details[0]).toBe("answer token 12 · prompt 34 tokens");
    expect(status.rate).toBe(tokens[11]!.tokens_per_sec.toFixed(1));
  });

  it("tells the rate of the prompt apart from that of the answer", () => {
    const model = monitorModel(stateAfter(1));
    const prefill = recorded.find((event) => event.kind === "prompt_processed")!;
    const speed = (prefill.n_tokens / prefill.seconds).toFixed(1);
    expect(model.captions[1]).toBe(`prefill ${speed} tok/s · 2 threads`);
    expect(model.status.rate).toBe("–");
  });

  it("says complete in green, and why it ended", () => {
    const { status } = monitorModel(stateAfter(tokens.length));
    expect(status.tone).toBe("complete");
    expect(status.details[0]).toMatch(/^length reached · answer token 24 · prompt 34 tokens$/);
  });

  it("says in a sentence what to do when the context is full, before the first token or after many", () => {
    for (const count of [0, tokens.length]) {
      const state = stateAfter(count);
      const message = "The prompt has 9 tokens and the context holds 4. Shorten it.";
      state.run!.state = { ...state.run!.state!, phase: "finished", reason: "context", message };
      const { status } = monitorModel(state);
      expect([status.title, status.tone]).toEqual(["CONTEXT FULL", "attention"]);
      expect([status.details, status.sentence]).toEqual([[message], true]);
    }
  });

  it("shows the chosen token's own rank and probability, in or out of the top", () => {
    const inside = monitorModel(stateAfter(5)).choice!;
    expect(inside.candidates.filter((c) => c.chosen).map((c) => c.rank)).toEqual([tokens[4]!.rank]);
    const outside = monitorModel(stateAfter(2)).choice!;
    expect(outside.candidates.some((c) => c.chosen)).toBe(false);
    expect(outside.chosen).toMatchObject({ rank: 25, id: tokens[1]!.token_id });
    expect(outside.chosen.p).toBe(tokens[1]!.probability);
    expect(outside.chosen.shown).toBe(".004");
  });

  it("keeps the candidates in order and on the model's own scale", () => {
    const { candidates } = monitorModel(stateAfter(9)).choice!;
    expect(candidates).toHaveLength(20);
    for (const [i, c] of candidates.entries()) expect(c.p).toBe(tokens[8]!.top_p.data[i]);
  });

  it("adds what has no row to what has", () => {
    const { candidates, others } = monitorModel(stateAfter(9)).choice!;
    for (const n of [0, 5, 20]) {
      const shown = candidates.slice(0, n).reduce((sum, c) => sum + c.p, 0);
      expect(others[n]!.p + shown).toBeCloseTo(1, 6);
    }
    expect(others[5]!.labels[0]).toBe("49 147 others");
    expect(others).toHaveLength(21);
  });

  it("reads the entropy as nats, as a count of tokens and as a word", () => {
    const uncertain = monitorModel(stateAfter(3)).entropy!;
    expect(uncertain.shown).toBe(tokens[2]!.entropy.toFixed(2));
    expect(uncertain.tokens).toBe(`eᴴ ≈ ${Math.round(Math.exp(tokens[2]!.entropy))} tokens`);
    expect([uncertain.verdict, uncertain.tone]).toEqual(["uncertain", "attention"]);
    expect(uncertain.note).toBe("max ln V = 10.80 nats");
    expect(monitorModel(stateAfter(17)).entropy!.verdict).toBe("confident");
    const { history } = monitorModel(stateAfter(tokens.length)).entropy!;
    expect([...history]).toEqual(tokens.map((t) => Math.fround(t.entropy)));
  });

  it("times each token but the first, whose decode was the prompt's", () => {
    const { pulse } = monitorModel(stateAfter(tokens.length));
    expect([...pulse.seconds]).toEqual(tokens.slice(1).map((t) => Math.fround(t.decode_seconds)));
    expect(pulse.full).toBeGreaterThanOrEqual([...pulse.seconds].sort((a, b) => a - b)[21]!);
  });

  it("reads the cache and the memory, whose parts make the whole", () => {
    const { cache, memory } = monitorModel(stateAfter(tokens.length));
    expect(cache.cells).toBe("57 / 1 024");
    expect(cache.share).toBeCloseTo(57 / 1024, 12);
    expect(cache.notes[0]).toBe("5.6 % · 1.3 MiB of 22.5 MiB");
    expect(memory.shares.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    expect(memory.total).toBe("337 MiB resident");
  });

  it("follows the pinned token, not the newest", () => {
    const state = stateAfter(tokens.length);
    state.selection.step = 16;
    const { choice, entropy, status } = monitorModel(state);
    expect([choice!.step, choice!.pinned]).toEqual([16, true]);
    expect(entropy!.nats).toBe(tokens[16]!.entropy);
    expect(status.details[0]).toContain("answer token 24");
  });

  it("shows the cache as the pinned token found it", () => {
    const state = stateAfter(tokens.length);
    state.selection.step = 16;
    expect(monitorModel(state).cache.cells).toBe("57 / 1 024");
    const found = recorded.find((event): event is CacheStatus => event.kind === "cache")!;
    const cache = { ...found, seq_len: { ...found.seq_len, data: found.seq_len.data.map(() => 51) } };
    state.moments.put({ ...emptyMoment(16, undefined), cache });
    expect(monitorModel(state).cache.cells).toBe("51 / 1 024");
    state.moments.put(emptyMoment(17, undefined));
    state.selection.step = 17;
    expect(monitorModel(state).cache).toMatchObject({
      known: false,
      notes: ["not known of this token", "not known"],
    });
  });

  it("says why there is nothing where there is nothing", () => {
    const empty = monitorModel(createState());
    expect(empty.status.title).toBe("NO CONNECTION");
    expect([empty.choice, empty.entropy]).toEqual([null, null]);
    expect(empty.cache).toMatchObject({ known: false, share: 0 });
    const state = stateAfter(0);
    state.model = { ...state.model!, lacks: { attention: "Mamba keeps a state." } };
    expect(monitorModel(state).cache.notes[0]).toBe("n/a · the model has no attention");
  });

  it("carries a failure's sentence, and every task under way", () => {
    const state = stateAfter(4);
    state.run!.state = { ...state.run!.state!, phase: "failed", reason: "error", message: "It broke." };
    state.progress.set("positions", {
      kind: "progress",
      task: "positions",
      fraction: 0.314,
      message: "UMAP",
      done: false,
    });
    const { status, tasks } = monitorModel(state);
    expect([status.tone, status.details[0], status.sentence]).toEqual(["error", "It broke.", true]);
    expect(tasks).toEqual([{ label: "UMAP", fraction: 0.314, note: "31 %" }]);
  });
});
