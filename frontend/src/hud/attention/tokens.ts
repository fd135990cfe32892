import type { AppState } from "../../state/state";

/** Positions of the prompt. */
export function promptLength(state: AppState): number {
  return state.run?.started.prompt_ids.data.length ?? 0;
}

/** The token at a position of the context; null where the page has not seen it. */
export function tokenIdAt(state: AppState, position: number): number | null {
  const prompt = state.run?.started.prompt_ids.data;
  if (!prompt) return null;
  if (position < prompt.length) return prompt[position] ?? null;
  return state.run!.past.id(position - prompt.length);
}

/** A position's token as the vocabulary labels it. */
export function labelAt(state: AppState, position: number): string {
  const id = tokenIdAt(state, position);
  if (id === null) return "…";
  return state.vocabulary?.label(id) ?? `#${id}`;
}

/** A label without the mark of the space before a word. */
export function bareLabel(label: string): string {
  return label.length > 1 && label.startsWith("·") ? label.slice(1) : label;
}

/** The same for an axis. */
export function axisLabel(state: AppState, position: number): string {
  return bareLabel(labelAt(state, position));
}
