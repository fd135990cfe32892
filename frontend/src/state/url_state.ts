import type { AppState, ViewMode } from "./state";

/** What of the page is in its address, so that a link shows the same. */
export interface UrlState {
  readonly view: ViewMode;
  readonly layer: number;
  readonly head: number;
}

const VIEWS: readonly ViewMode[] = ["nebula", "hud", "both"];
const LARGEST = 9999;

/** What the address says, with the defaults where it says nothing or nonsense. */
export function readUrl(search: string): UrlState {
  const parameters = new URLSearchParams(search);
  const view = parameters.get("view") as ViewMode;
  return {
    view: VIEWS.includes(view) ? view : "both",
    layer: readIndex(parameters.get("layer")),
    head: readIndex(parameters.get("head")),
  };
}

/** `search` with the state put in. Defaults are left out, other parameters left alone. */
export function writeUrl(search: string, state: UrlState): string {
  const parameters = new URLSearchParams(search);
  put(parameters, "view", state.view === "both" ? null : state.view);
  put(parameters, "layer", state.layer === 0 ? null : String(state.layer));
  put(parameters, "head", state.head === 0 ? null : String(state.head));
  const text = parameters.toString();
  return text === "" ? "" : `?${text}`;
}

export function urlStateOf(state: AppState): UrlState {
  return { view: state.view, layer: state.selection.layer, head: state.selection.head };
}

function readIndex(text: string | null): number {
  return text !== null && /^\d{1,4}$/.test(text) ? Math.min(LARGEST, Number(text)) : 0;
}

function put(parameters: URLSearchParams, name: string, value: string | null): void {
  if (value === null) parameters.delete(name);
  else parameters.set(name, value);
}
