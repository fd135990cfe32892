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

const MOST_BARE = 4096;
const bare = new Map<string, string>();

/** A label without the mark of the space before a word. Remembered: frames ask again and again. */
export function bareLabel(label: string): string {
  if (label.length < 2 || !label.startsWith("·")) return label;
  const known = bare.get(label);
  if (known !== undefined) return known;
  if (bare.size >= MOST_BARE) bare.clear();
  const made = label.slice(1);
  bare.set(label, made);
  return made;
}

/** The same for an axis. */
export function axisLabel(state: AppState, position: number): string {
  return bareLabel(labelAt(state, position));
}
