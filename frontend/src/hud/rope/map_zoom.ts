import { optionSet } from "../../state/reduce";
import type { AppState } from "../../state/state";

const OPTION = "rope.window";
const TEXT = /^(\d{1,7})_(\d{1,7})$/;

/** Which positions of the map someone has come near to: kept in the state's options, and so in the address. */
export class MapZoom {
  /** Positions on show, a power of two; 0 holds all so far. */
  span = 0;
  start = 0;
  private text = "";

  /** Fractions of a position stay here: a slow drag adds them up. */
  set(state: AppState, start: number, span: number): void {
    this.start = Math.max(0, start);
    this.span = span;
    this.text = span > 0 ? `${Math.round(this.start)}_${span}` : "";
    optionSet(state, OPTION, this.text || null);
  }

  /** Takes what a link or another page of the history names. */
  follow(state: AppState): void {
    const text = state.options.get(OPTION) ?? "";
    if (text === this.text) return;
    this.text = text;
    const [, start = 0, span = 0] = (TEXT.exec(text) ?? []).map(Number);
    this.start = start;
    this.span = span > 0 ? 2 ** Math.round(Math.log2(span)) : 0;
  }
}
