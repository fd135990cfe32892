import { describe, expect, it } from "vitest";
import { answer, asked, head, most, weight } from "../../../test/attention_answers";
import { AttentionMatrix, MATRIX_EDGE } from "../../state/attention_matrix";
import { createState } from "../../state/initial";
import { attentionKey } from "../../state/reduce";
import type { Requests } from "../../state/requests";
import type { Run } from "../../state/state";
import type { RunStarted } from "../../telemetry/protocol.gen";
import { MatrixRequests, piecesMissing } from "./matrix_request";

describe("what is asked for", () => {
  it.each([1, 40, 300, 513, 1000, 1025, 2047, 3001])("makes a matrix of %i whole, and true", (length) => {
    const { matrix } = asked(length);
    const { block } = matrix;
    expect(block).toBe(Math.max(1, 2 ** Math.ceil(Math.log2(length / MATRIX_EDGE))));
    for (let row = 0; row < matrix.rows; row += Math.ceil(matrix.rows / 40)) {
      for (let column = 0; column <= row; column += Math.ceil(matrix.rows / 40)) {
        const q = row * block;
        const k = column * block;
        expect(matrix.value(row, column)).toBe(most(q, Math.min(q + block, length), k, k + block));
      }
    }
  });

  it.each([30, 511, 700])(
    "brings the rows that came after %i, while the question was on its way",
    (length) => {
      const matrix = new AttentionMatrix();
      for (const piece of piecesMissing(matrix, length)) {
        matrix.addReply(answer({ ...head, ...piece }, length + 3));
      }
      expect(matrix.missing(length + 3, 1)).toBeNull();
      expect(matrix.value(length + 2, length + 1)).toBe(weight(length + 2, length + 1));
    },
  );

  it("asks for no more than it lacks where the newest rows are there", () => {
    const matrix = new AttentionMatrix();
    const piece = { query_start: 40, query_stop: 50, key_start: 0, key_stop: 50, max_size: 50 };
    matrix.addReply(answer({ ...head, ...piece }));
    expect(piecesMissing(matrix, 50).map(({ query_stop }) => query_stop)).toEqual([40]);
  });

  it("is small enough for a long context", () => {
    const pieces = piecesMissing(new AttentionMatrix(), 8192);
    for (const { query_start, query_stop, key_start, key_stop, max_size } of pieces) {
      const rows = Math.ceil((query_stop - query_start) / Math.ceil((query_stop - query_start) / max_size));
      const columns = Math.ceil((key_stop - key_start) / Math.ceil((key_stop - key_start) / max_size));
      expect(rows * columns * 4).toBeLessThanOrEqual(2 ** 20);
    }
  });

  it("leaves to the stream what it is about to bring", () => {
    const state = createState();
    const started = { run_id: "r" } as RunStarted;
    const weights = { data: new Uint16Array(40), shape: [1, 40] };
    const sink = { data: new Float32Array(1), shape: [1] };
    const rows = {
      kind: "attention",
      run_id: "r",
      layer: 0,
      head: 1,
      query_start: 39,
      weights,
      sink,
    } as const;
    state.run = { started, state: { phase: "running" } } as unknown as Run;
    state.right = "viewer";
    state.attention.set(attentionKey(0, 1), rows);
    state.attentionHistory
      .use(0, 1, "head")
      .addReply(
        answer({ ...head, query_start: 0, query_stop: 40, key_start: 0, key_stop: 40, max_size: 40 }),
      );
    const asked: number[] = [];
    const ask = (_: string, { query_start }: { query_start: number }) => void asked.push(query_start);
    const requests = new MatrixRequests("test");
    const asks = (length: number) => requests.ask(state, 0, 1, "head", length, ask as Requests["ask"]);
    expect([asks(42), asks(48)]).toEqual([false, false]);
    state.run = { started, state: { phase: "paused" } } as unknown as Run;
    expect(asks(42)).toBe(true);
    expect(asked).toEqual([40]);
    const late = new MatrixRequests("test");
    state.run = { started, state: { phase: "running" } } as unknown as Run;
    expect(late.ask(state, 0, 1, "head", 49, ask as Requests["ask"])).toBe(true); // it has not come
    expect(asked).toEqual([40, 40]);
  });

  it("is asked once, and never again where it was refused", () => {
    const state = createState();
    const questions: ((message: string) => void)[] = [];
    const ask = (
      _slot: string,
      _asked: unknown,
      _done: unknown,
      refused?: (message: string) => void,
    ): void => {
      questions.push(refused!);
    };
    const requests = new MatrixRequests("test");
    requests.ask(state, 0, 1, "mean", 20, ask);
    requests.ask(state, 0, 1, "mean", 20, ask);
    expect(questions).toHaveLength(1);
    questions[0]!("The recording does not hold it.");
    requests.ask(state, 0, 1, "mean", 20, ask);
    expect(questions).toHaveLength(1);
    expect(requests.refusal).toBe("The recording does not hold it.");
    requests.ask(state, 0, 2, "mean", 20, ask);
    expect([questions.length, requests.refusal]).toEqual([2, ""]);
    questions[1]!("It is not there yet.");
    requests.forget();
    requests.ask(state, 0, 2, "mean", 20, ask);
    expect([questions.length, requests.refusal]).toEqual([3, ""]);
  });
});
