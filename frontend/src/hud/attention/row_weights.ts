import type { AttentionMatrix } from "../../state/attention_matrix";
import { attentionKey } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { halfToFloat } from "../../telemetry/half";
import type { AttentionModel } from "./attention_model";

/** One query's weights of all keys. */
export interface RowWeights {
  readonly weights: Float32Array;
  /** Keys that share a weight, which is their maximum; 1 is exact. */
  readonly joined: number;
}

/** The row on show, exact wherever the page has it so; null while it has none. */
export function rowOnShow(
  state: AppState,
  model: AttentionModel,
  matrix: AttentionMatrix,
): RowWeights | null {
  const { query, layer, head, mode } = model;
  if (mode === "head") {
    const live = state.attention.get(attentionKey(layer, head));
    const [rows = 0, keys = 0] = live?.weights.shape ?? [];
    const at = live ? query - live.query_start : -1;
    if (live && at >= 0 && at < rows) {
      const bits = live.weights.data.subarray(at * keys, at * keys + query + 1);
      return { weights: Float32Array.from(bits, halfToFloat), joined: 1 };
    }
  }
  const row = Math.floor(query / matrix.block);
  if (!matrix.isRowKnown(row)) return null;
  return { weights: Float32Array.from(matrix.row(row), halfToFloat), joined: matrix.block };
}
