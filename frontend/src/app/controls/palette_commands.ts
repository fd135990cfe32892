import { PRESETS } from "../../hud/arrangement";
import type { Option } from "../../hud/instrument";
import { INSTRUMENTS, instrumentOf } from "../../hud/instruments";
import { chosen } from "../../hud/options";
import { isRunning, mayControl, mayRun, type Needs, offers } from "../../state/select";
import type { AppState, Preset } from "../../state/state";
import type { Actions } from "../actions";
import { chooseFile } from "../file_drop";
import { SHORTCUTS } from "../keyboard";
import { arrangeCommands } from "./arrange_commands";

/** One line of the palette. */
export interface Command {
  readonly name: string;
  readonly kind: string;
  /** The key that does the same. */
  readonly key?: string;
  run(actions: Actions): void;
}

/** What each key needs. */
const NEEDS: ReadonlyMap<string | undefined, Needs | undefined> = new Map(
  SHORTCUTS.map(({ shown, needs }) => [shown, needs]),
);

export const PRESET_NAMES: Readonly<Record<Preset, string>> = {
  monitor: "Monitor",
  attention: "Attention",
  memory: "Memory",
  nebula: "Nebula alone",
  everything: "Everything",
};

/** What can be done now; `typed` may name a layer and head, or a token. `desk`: the panels on show can be moved. */
export function commandsFor(
  state: AppState,
  models: readonly { readonly id: string; readonly name: string }[],
  typed: string,
  desk: Pick<Actions, "arrangement" | "layout"> | null = null,
): Command[] {
  return [
    ...targets(state, typed),
    ...cockpit(state),
    ...(desk ? arrangeCommands(desk, (id) => written(instrumentOf(id)?.title ?? id)) : []),
    ...running(state),
    ...page().filter(({ key }) => offers(state, NEEDS.get(key))),
    ...loading(state, models),
  ];
}

/** Those whose words all begin like, or contain, the words typed; the closest first. */
export function matching(commands: readonly Command[], typed: string): Command[] {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const scored = commands.flatMap((command) => {
    const text = `${command.name} ${command.kind}`.toLowerCase();
    let score = 0;
    for (const word of words) {
      const at = text.indexOf(word);
      if (at < 0) return [];
      score += at === 0 ? 0 : /\s/.test(text[at - 1]!) ? 1 : 3;
    }
    return [{ command, score }];
  });
  // Of those that match alike the one of which least was left out: "attention" before "attention flow".
  const left = ({ command }: { command: Command }): number => (words.length > 0 ? command.name.length : 0);
  return scored.sort((a, b) => a.score - b.score || left(a) - left(b)).map(({ command }) => command);
}

/** "L23 H5", "layer 23", "token 40": what is typed is the name, so that it matches itself. */
function targets({ model, selection, tokens }: AppState, typed: string): Command[] {
  const name = typed.trim();
  const head = /^l(?:ayer)?\s*(\d+)(?:[\s·,]*h(?:ead)?\s*(\d+))?$/i.exec(name);
  if (head && model && model.n_head > 0) {
    const layer = Number(head[1]);
    const which = head[2] === undefined ? selection.head : Number(head[2]);
    if (layer >= model.n_layer || which >= model.n_head) return [];
    return [{ name, kind: `select layer ${layer}, head ${which}`, run: (a) => a.selectHead(layer, which) }];
  }
  const token = /^(?:t|token|step)\s*(\d+)$/i.exec(name);
  const newest = tokens.at(-1)?.event.step;
  if (!token || newest === undefined) return [];
  const step = Number(token[1]) - 1;
  if (step < 0 || step > newest) return [];
  return [{ name, kind: "show that moment", run: (a) => a.selectStep(step === newest ? null : step) }];
}

function cockpit(state: AppState): Command[] {
  const presets = PRESETS.map(
    (preset, i): Command => ({
      name: PRESET_NAMES[preset],
      kind: "preset",
      key: String(i + 1),
      run: (a) => a.setPreset(preset),
    }),
  );
  const there = INSTRUMENTS.filter((instrument) => instrument.available?.(state) !== false);
  const instruments = there.flatMap(({ id, title }): Command[] => {
    const name = written(title);
    return [
      { name, kind: "focus instrument", run: (a) => a.focus(id) },
      { name, kind: "show in the cockpit", run: (a) => a.showInstrument(id) },
    ];
  });
  return [
    ...presets,
    ...instruments,
    ...there.flatMap(({ options = [] }) => options.flatMap(choices(state))),
  ];
}

/** A title in small letters, but for what is written otherwise. */
function written(title: string): string {
  const small = title.charAt(0) + title.slice(1).toLowerCase();
  return small.replace(/\bkv\b/i, "KV").replace(/\brope\b/, "RoPE");
}

/** What an option is not set to. */
function choices(state: AppState): (option: Option) => Command[] {
  return (option) =>
    option.choices
      .filter(({ value }) => value !== chosen(state, option))
      .map(({ value, word }) => ({
        name: `${option.label}: ${word}`,
        kind: "option",
        run: (a) => a.setOption(option, value),
      }));
}

function running(state: AppState): Command[] {
  const commands: Command[] = [];
  if (state.selection.step !== null)
    commands.push({ name: "Back to now", kind: "moment", key: "N", run: (a) => a.selectStep(null) });
  if (!mayRun(state)) return commands;
  commands.push({
    name: isRunning(state) ? "Pause or resume" : "Start",
    kind: "run",
    key: "Space",
    run: (a) => a.togglePlay(),
  });
  if (isRunning(state)) {
    commands.push({ name: "One token, then pause", kind: "run", key: ".", run: (a) => a.step() });
    commands.push({ name: "Stop", kind: "run", run: (a) => a.stop() });
  }
  return commands;
}

function page(): Command[] {
  return [
    { name: "Kept sessions", kind: "open, rename, delete", key: "O", run: (a) => a.showSessions() },
    { name: "Share a link", kind: "page", key: "S", run: (a) => a.showShare() },
    { name: "Timeline of the run", kind: "page", key: "L", run: (a) => a.toggleTimeline() },
    { name: "Next surprising moment", kind: "moment", key: "⇧→", run: (a) => a.jumpToMark(1) },
    { name: "Surprising moment before", kind: "moment", key: "⇧←", run: (a) => a.jumpToMark(-1) },
    { name: "Write a prompt", kind: "page", key: "/", run: (a) => a.focusPrompt() },
    { name: "5 or 20 candidates", kind: "monitor", key: "T", run: (a) => a.toggleTopCount() },
    {
      name: "Instruments without the nebula, or with it",
      kind: "page",
      key: "H",
      run: (a) => a.toggleNebula(),
    },
    { name: "Camera as at first", kind: "nebula", key: "R", run: (a) => a.resetCamera() },
    { name: "Instruments where they were at first", kind: "cockpit", run: (a) => a.resetArrangement() },
    { name: "Open a session's file", kind: "session", run: () => chooseFile() },
    { name: "Save a picture (PNG)", kind: "export", key: "P", run: (a) => a.exportView("picture") },
    { name: "Save a film (WebM, MP4)", kind: "export", run: (a) => a.exportView("film") },
    { name: "Keyboard and help", kind: "page", key: "?", run: (a) => a.toggleHelp() },
  ];
}

function loading(
  state: AppState,
  models: readonly { readonly id: string; readonly name: string }[],
): Command[] {
  if (!mayControl(state)) return [];
  return models
    .filter(({ id }) => id !== state.model?.id)
    .map(({ id, name }) => ({ name, kind: "load model", run: (a) => a.load(id) }));
}
