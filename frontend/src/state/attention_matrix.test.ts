import { describe, expect, it } from "vitest";
import { floatToHalf } from "../telemetry/half";
import type { AttentionReply, AttentionWeights } from "../telemetry/protocol.gen";
import { AttentionHistory } from "./attention_history";
import { AttentionMatrix, MATRIX_EDGE } from "./attention_matrix";

/** Weights that are not in any order, each exact as a half float. */
const weight = (query: number, key: number): number =>
  key > query ? 0 : (((query * 7919 + key * 104729) % 1021) + 1) / 2048;
const shareOf = (query: number): number => (query % 13) / 16;

function rows(first: number, stop: number): AttentionWeights {
  const count = stop - first;
  const data = new Uint16Array(count * stop);
  for (let r = 0; r < count; r++) {
    for (let k = 0; k < stop; k++) data[r * stop + k] = floatToHalf(weight(first + r, k));
  }
  const sink = Float32Array.from({ length: count }, (_, r) => shareOf(first + r));
  return {
    kind: "attention",
    run_id: "r",
    layer: 1,
    head: 2,
    query_start: first,
    weights: { data, shape: [count, stop] },
    sink: { data: sink, shape: [count] },
  };
}

function reply(q0: number, q1: number, k0: number, k1: number, size: number): AttentionReply {
  const queryBlock = Math.max(1, Math.ceil((q1 - q0) / size));
  const keyBlock = Math.max(1, Math.ceil((k1 - k0) / size));
  const shape = [Math.ceil((q1 - q0) / queryBlock), Math.ceil((k1 - k0) / keyBlock)] as const;
  const data = new Float32Array(shape[0] * shape[1]);
  const sink = new Float32Array(shape[0]);
  for (let q = q0; q < q1; q++) {
    const r = Math.floor((q - q0) / queryBlock);
    sink[r] = Math.max(sink[r]!, shareOf(q));
    for (let k = k0; k < k1; k++) {
      const at = r * shape[1] + Math.floor((k - k0) / keyBlock);
      data[at] = Math.max(data[at]!, weight(q, k));
    }
  }
  return {
    kind: "attention_reply",
    request: 5,
    run_id: "r",
    layer: 1,
    head: 2,
    mode: "head",
    query_start: q0,
    query_stop: q1,
    key_start: k0,
    key_stop: k1,
    query_block: queryBlock,
    key_block: keyBlock,
    weights: { data, shape },
    sink: { data: sink, shape: [shape[0]] },
  };
}

function expectExact(matrix: AttentionMatrix, length: number): void {
  const { block } = matrix;
  for (let r = 0; r < Math.ceil(length / block); r += 7) {
    let share = 0;
    for (let c = 0; c <= r; c += 5) {
      let most = 0;
      for (let q = r * block; q < Math.min((r + 1) * block, length); q++) {
        share = Math.max(share, shareOf(q));
        for (let k = c * block; k < (c + 1) * block; k++) most = Math.max(most, weight(q, k));
      }
      expect(matrix.value(r, c)).toBe(most);
    }
    expect(matrix.sink(r)).toBe(share);
  }
}

describe("a matrix of attention", () => {
  it("is exact while it fits", () => {
    const matrix = new AttentionMatrix();
    matrix.addRows(rows(0, 90));
    matrix.addRows(rows(90, 91));
    matrix.addRows(rows(91, 300));
    expect([matrix.block, matrix.length, matrix.rows]).toEqual([1, 300, 300]);
    expectExact(matrix, 300);
    expect(matrix.missing(300, 64)).toBeNull();
  });

  it("joins by maximum when it grows beyond its edge, the old cells too", () => {
    const matrix = new AttentionMatrix();
    matrix.addRows(rows(0, 700));
    matrix.addRows(rows(700, MATRIX_EDGE + 301));
    expect([matrix.block, matrix.rows]).toEqual([2, 663]);
    expectExact(matrix, MATRIX_EDGE + 301);
    expect(matrix.isRowKnown(662)).toBe(true);
  });

  it("knows what it lacks, newest first, and takes it from answers", () => {
    const matrix = new AttentionMatrix();
    matrix.addRows(rows(600, 602));
    expect(matrix.missing(602, 256)).toEqual({ first: 344, stop: 600 });
    matrix.addReply(reply(344, 600, 512, 600, 512));
    expect(matrix.isKnown(599)).toBe(false);
    matrix.addReply(reply(344, 600, 0, 512, 512));
    expect(matrix.missing(602, 256)).toEqual({ first: 512, stop: 600 });
    matrix.addReply(reply(344, 600, 512, 600, 512));
    expect(matrix.isKnown(599)).toBe(true);
    expect(matrix.missing(602, 256)).toEqual({ first: 88, stop: 344 });
    matrix.addReply(reply(88, 344, 0, 344, 512));
    matrix.addReply(reply(0, 88, 0, 88, 512));
    expect(matrix.missing(602, 256)).toBeNull();
    expectExact(matrix, 602);
  });

  it("takes answers whose cells are already maxima", () => {
    const matrix = new AttentionMatrix();
    matrix.addReply(reply(0, 2000, 0, 2000, 500));
    expect(matrix.block).toBe(4);
    matrix.addRows(rows(2000, 2003));
    expectExact(matrix, 2003);
    expect(matrix.addReply(reply(0, 15, 0, 15, 5))).toBe(false);
  });

  it("tells rows that are gone from rows that are not there yet", () => {
    const matrix = new AttentionMatrix();
    const answer = reply(0, 4, 0, 4, 8);
    answer.weights.data.fill(Number.NaN, 0, 8);
    matrix.addReply(answer);
    expect([matrix.isGone(1), matrix.isKnown(1), matrix.isKnown(2)]).toEqual([true, false, true]);
    expect(matrix.missing(4, 8)).toBeNull();
    expect(matrix.value(1, 0)).toBe(0);
  });

  it("marks the rows that changed", () => {
    const matrix = new AttentionMatrix();
    matrix.addRows(rows(0, 10));
    const before = matrix.revision;
    matrix.addRows(rows(10, 12));
    const changed = [...matrix.rowRevision.subarray(0, 12)].filter((revision) => revision > before);
    expect(changed).toHaveLength(2);
  });
});

describe("the history", () => {
  it("keeps what was used last, and an answer to nobody is not taken", () => {
    const history = new AttentionHistory();
    history.reply({ ...reply(0, 4, 0, 4, 8), mode: "mean" });
    expect(history.get(1, 0, "mean")).toBeUndefined();
    history.use(1, 0, "mean");
    history.reply({ ...reply(0, 4, 0, 4, 8), mode: "mean" });
    expect(history.get(1, 7, "mean")!.length).toBe(4);
    for (let head = 0; head < 40; head++) history.use(0, head);
    expect(history.get(1, 0, "mean")).toBeUndefined();
    expect(history.get(0, 39)).toBeDefined();
  });
});
