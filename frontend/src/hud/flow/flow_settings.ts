import type { AppState } from "../../state/state";
import type { Option } from "../instrument";
import { chosen } from "../options";
import { type FlowMode, MODES } from "./flow_feed";
import { DEFAULT_THRESHOLD, THRESHOLDS } from "./flow_model";

export { THRESHOLDS } from "./flow_model";

/** Names in the page's options, and so in its address. */
export const MODE_OPTION = "flow.mode";
export const THRESHOLD_OPTION = "flow.threshold";

export const FIRST: Option = {
  name: "flow.first",
  label: "First token in the flow",
  choices: [
    { value: "in", word: "shown" },
    { value: "out", word: "left out" },
  ],
};

export const OPTIONS: readonly Option[] = [
  {
    name: MODE_OPTION,
    label: "Attention flow of",
    choices: [
      { value: "head", word: "one head" },
      { value: "mean", word: "the mean of the layer's heads" },
      { value: "rollout", word: "all layers, rolled out" },
    ],
  },
  {
    name: THRESHOLD_OPTION,
    label: "Least weight shown in the flow",
    choices: [DEFAULT_THRESHOLD, ...THRESHOLDS.filter((value) => value !== DEFAULT_THRESHOLD)].map(
      (value) => ({
        value: String(value),
        word: `${Number((value * 100).toPrecision(3))} %`,
      }),
    ),
  },
  FIRST,
];

const KEY = "cloud-chamber.flow-threshold";

export function modeOf(state: AppState): FlowMode {
  const mode = state.options.get(MODE_OPTION) as FlowMode | undefined;
  return mode !== undefined && MODES.includes(mode) ? mode : "head";
}

/** Whether the first token, which most heads rest on, is left out. */
export function withoutFirst(state: AppState): boolean {
  return chosen(state, FIRST) === "out";
}

/** As chosen on this page, else as in this browser before; one of `THRESHOLDS`. */
export function thresholdOf(state: AppState): number {
  const chosen = Number(state.options.get(THRESHOLD_OPTION) ?? remembered());
  return THRESHOLDS.find((value) => value === chosen) ?? DEFAULT_THRESHOLD;
}

let kept: string | null | undefined;

function remembered(): string {
  if (kept === undefined) {
    try {
      kept = localStorage.getItem(KEY);
    } catch {
      // Storage may be forbidden; the default serves.
      kept = null;
    }
  }
  return kept ?? String(DEFAULT_THRESHOLD);
}

export function rememberThreshold(value: number): void {
  kept = String(value);
  try {
    localStorage.setItem(KEY, kept);
  } catch {
    // It lasts as long as the page.
  }
}
