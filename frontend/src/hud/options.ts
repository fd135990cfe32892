import { optionSet } from "../state/reduce";
import type { AppState } from "../state/state";
import type { Option } from "./instrument";

/** What an option is set to. */
export function chosen(state: AppState, { name, choices }: Option): string {
  const value = state.options.get(name);
  for (let i = 0; i < choices.length; i++) if (choices[i]!.value === value) return choices[i]!.value;
  return choices[0]!.value;
}

/** Sets an option; a value that it does not have, or its first, sets it back. */
export function choose(state: AppState, option: Option, value: string): void {
  const at = option.choices.findIndex((choice) => choice.value === value);
  optionSet(state, option.name, at > 0 ? value : null);
}
