import { PRESETS } from "../hud/arrangement";
import type { Needs } from "../state/select";
import type { Actions } from "./actions";

/** One line of the keyboard map: what the help shows and what the page obeys. */
export interface Shortcut {
  /** As in `KeyboardEvent.key`. */
  readonly keys: readonly string[];
  /** As written in the help. */
  readonly shown: string;
  readonly does: string;
  /** Only for one who may do so on the server behind the page. */
  readonly needs?: Needs;
  run(actions: Actions, key: string): unknown;
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
  { keys: ["."], shown: ".", does: "One token, then pause; in a replay, the next", run: (a) => a.step() },
  { keys: [","], shown: ",", does: "In a replay, the token before", run: (a) => a.stepBack() },
  {
    keys: ["<", ">"],
    shown: "< >",
    does: "A replay's speed",
    run: (a, key) => a.changeSpeed(key === ">" ? 1 : -1),
  },
  {
    keys: ["Shift+ArrowLeft", "Shift+ArrowRight"],
    shown: "⇧← ⇧→",
    does: "Surprising moment before, after",
    run: (a, key) => a.jumpToMark(key === "Shift+ArrowRight" ? 1 : -1),
  },
  { keys: ["o"], shown: "O", does: "Open a kept session", needs: "owner", run: (a) => a.showSessions() },
  { keys: ["s"], shown: "S", does: "Share a link", needs: "owner", run: (a) => a.showShare() },
  { keys: ["l"], shown: "L", does: "Timeline of the run", run: (a) => a.toggleTimeline() },
  {
    keys: ["Escape"],
    shown: "Esc",
    does: "Leave a focused instrument, a pinned moment; stop",
    run: (a) => a.back(),
  },
  { keys: ["/"], shown: "/", does: "Write a prompt", needs: "controller", run: (a) => a.focusPrompt() },
  { keys: ["m"], shown: "M", does: "Choose a model", needs: "owner", run: (a) => a.chooseModel() },
  {
    keys: PRESETS.map((_, i) => String(i + 1)),
    shown: "1 – 5",
    does: "Monitor, attention, memory, nebula alone, everything",
    run: (a, key) => a.setPreset(PRESETS[Number(key) - 1]!),
  },
  { keys: ["f"], shown: "F", does: "Focus what is pointed at, and back", run: (a) => a.toggleFocus() },
  {
    keys: ["h"],
    shown: "H",
    does: "Instruments without the nebula, or with it",
    run: (a) => a.toggleNebula(),
  },
  {
    keys: ["[", "]"],
    shown: "[ ]",
    does: "Layer before, after",
    run: (a, key) => a.moveHead(key === "]" ? 1 : -1, 0),
  },
  {
    keys: ["{", "}"],
    shown: "{ }",
    does: "Head before, after",
    run: (a, key) => a.moveHead(0, key === "}" ? 1 : -1),
  },
  {
    keys: ["PageUp", "PageDown"],
    shown: "PgUp PgDn",
    does: "Moment before, after",
    run: (a, key) => a.moveStep(key === "PageUp" ? -1 : 1),
  },
  { keys: ["Home"], shown: "Home", does: "The first token; a replay's start", run: (a) => a.toStart() },
  { keys: ["End"], shown: "End", does: "Now; a replay's end", run: (a) => a.toEnd() },
  { keys: ["n"], shown: "N", does: "Back to now", run: (a) => a.selectStep(null) },
  { keys: ["t"], shown: "T", does: "5 or 20 candidates", run: (a) => a.toggleTopCount() },
  {
    keys: ["+", "=", "-", "_"],
    shown: "+ −",
    does: "Nearer, farther; in focus: attention's matrix, RoPE's map",
    run: (a, key) => a.steer(key) || a.zoom(key === "+" || key === "=" ? ZOOM : 1 / ZOOM),
  },
  {
    keys: Object.keys(ARROWS),
    shown: "← → ↑ ↓",
    does: "Turn the nebula; ← → in a replay: token before, after; along that matrix or map, when nearer",
    run: (a, key) => a.steer(key) || turn(a, ...ARROWS[key]!),
  },
  {
    keys: ["r"],
    shown: "R",
    does: "Camera as at first; all of that matrix or map",
    run: (a) => a.steer("r") || a.resetCamera(),
  },
  { keys: ["p"], shown: "P", does: "Save a picture or a film", run: (a) => a.exportView("picture") },
  {
    keys: [],
    shown: "Ctrl K",
    does: "All commands; they move and size panels too",
    run: (a) => a.togglePalette(),
  },
  { keys: ["?"], shown: "?", does: "This help", run: (a) => a.toggleHelp() },
];

function turn(actions: Actions, yaw: number, pitch: number): void {
  if (yaw === 0) actions.orbit(0, pitch);
  else actions.along(yaw > 0 ? 1 : -1, Math.abs(yaw));
}

const BY_KEY = new Map(SHORTCUTS.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut] as const)));

/** Keys that do something of their own in an element that has the focus. */
const OF_BUTTONS = new Set([" ", "Enter"]);

/** The shortcut of a key press, or none when the press belongs to what has the focus. */
export function shortcutOf(event: KeyboardEvent): Shortcut | undefined {
  if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  // Under a dialog the page is not to be had, even while nothing in that has the focus.
  if (document.querySelector("dialog:modal")) return;
  const { target } = event;
  // What stood in a dialog keeps the focus for a frame after that has closed.
  if (target instanceof Element && !target.closest("dialog")) {
    if (target.closest("input, textarea, select, [contenteditable]")) return;
    if (OF_BUTTONS.has(event.key) && target.closest("button, a, summary")) return;
  }
  if (event.key.length === 1) return BY_KEY.get(event.key.toLowerCase());
  return BY_KEY.get(keyOf(event)) ?? BY_KEY.get(event.key);
}

function keyOf({ key, shiftKey }: KeyboardEvent): string {
  return shiftKey && key.startsWith("Arrow") ? `Shift+${key}` : key;
}

/** Ctrl or Cmd and K: from a text field too. */
function opensPalette({ key, ctrlKey, metaKey, altKey, shiftKey }: KeyboardEvent): boolean {
  return key.toLowerCase() === "k" && (ctrlKey || metaKey) && !altKey && !shiftKey;
}

/** Obey the keyboard map until `signal` aborts. */
export function listenToKeys(actions: Actions, signal: AbortSignal): void {
  const onKey = (event: KeyboardEvent) => {
    if (opensPalette(event)) {
      event.preventDefault();
      actions.togglePalette();
      return;
    }
    const shortcut = shortcutOf(event);
    if (!shortcut) return;
    event.preventDefault();
    shortcut.run(actions, keyOf(event));
  };
  window.addEventListener("keydown", onKey, { signal });
}
