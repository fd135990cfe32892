import type { Actions } from "./actions";

/** One line of the keyboard map: what the help shows and what the page obeys. */
export interface Shortcut {
  /** As in `KeyboardEvent.key`. */
  readonly keys: readonly string[];
  /** As written in the help. */
  readonly shown: string;
  readonly does: string;
  run(actions: Actions, key: string): void;
}

const TURN = 0.12;
const ZOOM = 1.15;
const ARROWS: Record<string, readonly [number, number]> = {
  ArrowLeft: [-TURN, 0],
  ArrowRight: [TURN, 0],
  ArrowUp: [0, TURN],
  ArrowDown: [0, -TURN],
};

export const SHORTCUTS: readonly Shortcut[] = [
  { keys: [" "], shown: "Space", does: "Pause, resume, start", run: (a) => a.togglePlay() },
  { keys: ["."], shown: ".", does: "One token, then pause", run: (a) => a.step() },
  { keys: ["Escape"], shown: "Esc", does: "Stop the run", run: (a) => a.stop() },
  { keys: ["/"], shown: "/", does: "Write a prompt", run: (a) => a.focusPrompt() },
  { keys: ["m"], shown: "M", does: "Choose a model", run: (a) => a.chooseModel() },
  { keys: ["1"], shown: "1", does: "Nebula alone", run: (a) => a.setView("nebula") },
  { keys: ["2"], shown: "2", does: "Instruments alone", run: (a) => a.setView("hud") },
  { keys: ["3"], shown: "3", does: "Both", run: (a) => a.setView("both") },
  { keys: ["t"], shown: "T", does: "5 or 20 candidates", run: (a) => a.toggleTopCount() },
  {
    keys: Object.keys(ARROWS),
    shown: "← → ↑ ↓",
    does: "Turn the nebula",
    run: (a, key) => a.orbit(...ARROWS[key]!),
  },
  {
    keys: ["+", "=", "-", "_"],
    shown: "+ −",
    does: "Nearer, farther",
    run: (a, key) => a.zoom(key === "+" || key === "=" ? ZOOM : 1 / ZOOM),
  },
  { keys: ["r"], shown: "R", does: "Camera as at first", run: (a) => a.resetCamera() },
  { keys: ["?"], shown: "?", does: "This help", run: (a) => a.toggleHelp() },
];

const BY_KEY = new Map(SHORTCUTS.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut] as const)));

/** Keys that do something of their own in an element that has the focus. */
const OF_BUTTONS = new Set([" ", "Enter"]);

/** The shortcut of a key press, or none when the press belongs to what has the focus. */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const { target } = event;
  if (target instanceof Element) {
    if (target.closest("input, textarea, select, [contenteditable], dialog")) return;
    if (OF_BUTTONS.has(event.key) && target.closest("button, a, summary")) return;
  }
  return BY_KEY.get(event.key.length === 1 ? event.key.toLowerCase() : event.key);
}

/** Obey the keyboard map until `signal` aborts. */
export function listenToKeys(actions: Actions, signal: AbortSignal): void {
  const onKey = (event: KeyboardEvent) => {
    const shortcut = shortcutOf(event);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(actions, event.key);
  };
  window.addEventListener("keydown", onKey, { signal });
}
