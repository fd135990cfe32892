import type { AppState, Preset, ViewMode } from "./state";

/** What of the page is in its address, so that a link shows the same. */
export interface UrlState {
  readonly view: ViewMode;
  readonly preset: Preset;
  readonly focus: string | null;
  /** Both null where nobody has named a head. */
  readonly layer: number | null;
  readonly head: number | null;
  readonly step: number | null;
  /** Yaw, pitch, log of the zoom, and the target right and up; null where the camera stands at its home. */
  readonly camera: readonly number[] | null;
  /** Scales and modes of the instruments: `attention.mode`. */
  readonly options: ReadonlyMap<string, string>;
}

const VIEWS: readonly ViewMode[] = ["nebula", "hud", "both"];
const PRESETS: readonly Preset[] = ["monitor", "attention", "memory", "nebula", "everything"];
const LARGEST = 9999;
const INSTRUMENT = /^[a-z_]{1,24}$/;
const OPTION = /^[a-z_]{1,24}\.[a-z_]{1,24}$/;
const MOST_OPTIONS = 64;
const LONGEST_OPTION = 64;
const NO_HEAD = { layer: null, head: null } as const;

/** What stands in the address of one run alone: which it is, and where in it the page stands. */
export const RUN_NAMES: readonly string[] = [
  "session",
  "recording",
  "at",
  "step",
  "waterfall.end",
  "monitor.line",
];

/** What the address says, with the defaults where it says nothing or nonsense. */
export function readUrl(search: string): UrlState {
  const parameters = new URLSearchParams(search);
  const view = parameters.get("view") as ViewMode;
  const named = parameters.get("preset") as Preset;
  const preset = view === "nebula" ? "nebula" : PRESETS.includes(named) ? named : "everything";
  const focus = parameters.get("focus");
  return {
    view: preset === "nebula" ? "nebula" : VIEWS.includes(view) ? view : "both",
    preset,
    focus: focus !== null && INSTRUMENT.test(focus) ? focus : null,
    ...readHead(parameters),
    step: readIndex(parameters.get("step"), 9_999_999),
    camera: readCamera(parameters.get("camera")),
    options: readOptions(parameters),
  };
}

/** `search` with the state put in. Defaults are left out, other parameters left alone. */
export function writeUrl(search: string, state: UrlState): string {
  const parameters = new URLSearchParams(search);
  const { view, preset, focus, layer, head, step, camera, options } = state;
  put(parameters, "view", view === "hud" ? view : null);
  put(parameters, "preset", preset === "everything" ? null : preset);
  put(parameters, "focus", focus);
  put(parameters, "layer", layer === null ? null : String(layer));
  put(parameters, "head", head === null ? null : String(head));
  put(parameters, "step", step === null ? null : String(step));
  put(parameters, "camera", camera && goalText(camera));
  for (const name of [...parameters.keys()]) if (OPTION.test(name)) parameters.delete(name);
  for (const [name, value] of [...options].sort()) parameters.set(name, value);
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

export function urlStateOf(state: AppState, camera: readonly number[] | null): UrlState {
  const { view, preset, focus, options } = state;
  const { named, suggestedFor, step } = state.selection;
  const { layer, head } = named || suggestedFor !== null ? state.selection : NO_HEAD;
  return { view, preset, focus, layer, head, step, camera, options };
}

/** Of a head that is named in half, the other half is 0. */
function readHead(parameters: URLSearchParams): Pick<UrlState, "layer" | "head"> {
  const layer = readIndex(parameters.get("layer"));
  const head = readIndex(parameters.get("head"));
  return layer === null && head === null ? NO_HEAD : { layer: layer ?? 0, head: head ?? 0 };
}

function readIndex(text: string | null, largest = LARGEST): number | null {
  return text !== null && /^\d{1,7}$/.test(text) && Number(text) <= largest ? Number(text) : null;
}

function readCamera(text: string | null): readonly number[] | null {
  const values = (text ?? "").split("_").map(Number);
  const good = text && values.length === 5 && values.every((value) => Number.isFinite(value));
  return good ? values : null;
}

function readOptions(parameters: URLSearchParams): Map<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (options.size === MOST_OPTIONS) break;
    if (OPTION.test(name) && value.length <= LONGEST_OPTION) options.set(name, value);
  }
  return options;
}

function put(parameters: URLSearchParams, name: string, value: string | null): void {
  if (value === null) parameters.delete(name);
  else parameters.set(name, value);
}

function goalText(camera: readonly number[]): string {
  return camera.map((value) => Number(value.toFixed(3))).join("_");
}
