import type { Requests } from "../../state/requests";
import type { AppState } from "../../state/state";
import type { AttentionModel } from "./attention_model";
import { DETAIL_SPAN, DetailCells } from "./cells";
import type { MatrixWindow } from "./matrix_window";

/** Fetches the exact cells of a window of a matrix that the page holds joined only. */
export class Detail {
  private cells: DetailCells | null = null;
  private key = "";
  private asked = "";

  /** The exact cells of `window`; null while they are not there, or where there would be too many. */
  of(state: AppState, model: AttentionModel, window: MatrixWindow, ask: Requests["ask"]): DetailCells | null {
    const { layer, head, mode, length } = model;
    const key = `${state.run?.started.run_id}/${layer}/${head}/${mode}`;
    if (key !== this.key) {
      this.key = key;
      this.cells = null;
      this.asked = "";
    }
    if (this.cells?.covers(window, length)) return this.cells;
    if (window.span > DETAIL_SPAN) return null;
    // As the run grows, what was exact stays on show until the newest rows are there too.
    const held = this.cells?.covers(window, this.cells.length) ? this.cells : null;
    const query_start = Math.min(window.query, length - 1);
    const query_stop = Math.min(query_start + window.span, length);
    const key_start = Math.min(window.key, query_stop - 1);
    const key_stop = Math.min(key_start + window.span, query_stop);
    const asked = `${query_start}-${query_stop}/${key_start}-${key_stop}`;
    if (asked === this.asked) return held;
    this.asked = asked;
    const piece = { query_start, query_stop, key_start, key_stop, max_size: DETAIL_SPAN };
    ask("attention detail", { kind: "get_attention", layer, head, mode, ...piece }, (reply) => {
      if (key === this.key) this.cells = new DetailCells(reply);
    });
    return held;
  }
}
