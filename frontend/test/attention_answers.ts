import { expect } from "vitest";
import { piecesMissing } from "../src/hud/attention/matrix_request";
import { AttentionMatrix } from "../src/state/attention_matrix";
import type { Asked } from "../src/state/requests";
import type { AttentionReply } from "../src/telemetry/protocol.gen";

export const weight = (query: number, key: number): number => (((query * 31 + key * 17) % 97) + 1) / 128;

/** An answer as the server makes it when it has `held` positions; see `attention_block`. */
export function answer(
  piece: Omit<Extract<Asked, { kind: "get_attention" }>, "kind">,
  held = piece.query_stop,
): AttentionReply {
  const { query_start: q0, key_start: k0, max_size } = piece;
  const q1 = Math.min(piece.query_stop, held);
  const k1 = Math.min(piece.key_stop, q1);
  const queryBlock = Math.max(1, Math.ceil((q1 - q0) / max_size));
  const keyBlock = Math.max(1, Math.ceil((k1 - k0) / max_size));
  const shape = [Math.ceil((q1 - q0) / queryBlock), Math.ceil((k1 - k0) / keyBlock)] as const;
  const data = new Float32Array(shape[0] * shape[1]);
  for (let q = q0; q < q1; q++) {
    for (let k = k0; k < Math.min(k1, q + 1); k++) {
      const at = Math.floor((q - q0) / queryBlock) * shape[1] + Math.floor((k - k0) / keyBlock);
      data[at] = Math.max(data[at]!, weight(q, k));
    }
  }
  return {
    kind: "attention_reply",
    request: 0,
    run_id: "",
    ...piece,
    query_stop: q1,
    key_stop: k1,
    query_block: queryBlock,
    key_block: keyBlock,
    weights: { data, shape },
    sink: { data: new Float32Array(shape[0]), shape: [shape[0]] },
  };
}

export const head = { layer: 0, head: 0, mode: "head" } as const;

/** A matrix made whole by asking for what it lacks. */
export function asked(length: number): { matrix: AttentionMatrix; questions: number } {
  const matrix = new AttentionMatrix();
  let questions = 0;
  for (
    let pieces = piecesMissing(matrix, length);
    pieces.length > 0;
    pieces = piecesMissing(matrix, length)
  ) {
    for (const piece of pieces) {
      expect(piece.max_size).toBeLessThanOrEqual(512);
      expect(matrix.addReply(answer({ ...head, ...piece }, length))).toBe(true);
      questions++;
    }
    if (questions > 99) throw new Error("it asks without end");
  }
  return { matrix, questions };
}

export function most(q0: number, q1: number, k0: number, k1: number): number {
  let value = 0;
  for (let q = q0; q < q1; q++)
    for (let k = k0; k < Math.min(k1, q + 1); k++) value = Math.max(value, weight(q, k));
  return value;
}
