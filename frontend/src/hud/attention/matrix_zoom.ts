import type { AppState } from "../../state/state";
import type { HudPointerEvent } from "../instrument";
import type { Rect } from "../layout";
import { windowOf, windowSet } from "./attention_settings";
import { type MatrixWindow, moved, wholeWindow, within, zoomed } from "./matrix_window";

const WHEEL = 0.0022;

/** Which part of the matrix is in view: the wheel zooms, dragging moves. Kept in the state's options, not here. */
export class MatrixZoom {
  /** The press that goes on has moved the part. */
  dragged = false;
  private carryX = 0;
  private carryY = 0;

  /** Null is all of it. */
  window(state: AppState, length: number): MatrixWindow | null {
    const window = windowOf(state);
    const whole = wholeWindow(length).span;
    // One that is not there yet, as a link may name it: the run has to grow into it.
    return window && window.span < whole ? within(window, whole) : null;
  }

  /** `span` positions are on show along each side of `plot`. */
  pointer(event: HudPointerEvent, state: AppState, length: number, plot: Rect, span: number): void {
    const window = this.window(state, length);
    const per = span / plot.width;
    switch (event.type) {
      case "wheel": {
        const seen = window ?? wholeWindow(length);
        const query = seen.query + (event.y - plot.y) * per;
        const key = seen.key + (event.x - plot.x) * per;
        windowSet(state, zoomed(seen, length, Math.exp(-event.wheel * WHEEL), query, key));
        break;
      }
      case "drag":
        this.dragged = true;
        if (window) this.drag(state, window, event.dx * per, event.dy * per, length);
        break;
      case "double":
        windowSet(state, null);
        break;
      default:
        this.carryX = 0;
        this.carryY = 0;
        this.dragged = false;
    }
  }

  /** Moves by whole positions, and keeps what is left of one for the next time. */
  private drag(state: AppState, window: MatrixWindow, keys: number, queries: number, length: number): void {
    this.carryX -= keys;
    this.carryY -= queries;
    const dx = Math.trunc(this.carryX);
    const dy = Math.trunc(this.carryY);
    this.carryX -= dx;
    this.carryY -= dy;
    if (dx !== 0 || dy !== 0) windowSet(state, moved(window, length, dy, dx));
  }
}
