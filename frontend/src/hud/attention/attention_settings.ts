import type { AttentionMode } from "../../state/attention_history";
import { optionSet } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { Option } from "../instrument";
import { chosen } from "../options";
import type { WeightScale } from "./matrix_picture";
import type { MatrixWindow } from "./matrix_window";

export const MODES: readonly AttentionMode[] = ["head", "mean", "max"];
export const SCALES: readonly WeightScale[] = ["absolute", "row"];

export const MODE: Option = {
  name: "attention.mode",
  label: "Attention of",
  choices: [
    { value: "head", word: "one head" },
    { value: "mean", word: "the mean of the layer's heads" },
    { value: "max", word: "the maximum of the layer's heads" },
  ],
};

export const SCALE: Option = {
  name: "attention.scale",
  label: "Scale of attention",
  choices: [
    { value: "absolute", word: "absolute" },
    { value: "row", word: "per row" },
  ],
};

const WINDOW = "attention.window";
const WINDOW_TEXT = /^(\d{1,7})_(\d{1,7})_(\d{1,7})$/;

export function modeOf(state: AppState): AttentionMode {
  return chosen(state, MODE) as AttentionMode;
}

export function scaleOf(state: AppState): WeightScale {
  return chosen(state, SCALE) as WeightScale;
}

/** The part of the matrix in view, as the page's address has it: first query, first key, positions a side. */
export function windowOf(state: AppState): MatrixWindow | null {
  const found = WINDOW_TEXT.exec(state.options.get(WINDOW) ?? "");
  if (!found) return null;
  const [query, key, span] = [Number(found[1]), Number(found[2]), Number(found[3])];
  return span > 0 ? { query, key, span } : null;
}

/** Null is all of it. */
export function windowSet(state: AppState, window: MatrixWindow | null): void {
  optionSet(state, WINDOW, window && `${window.query}_${window.key}_${window.span}`);
}
