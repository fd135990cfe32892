import { decodedLength, shownQuery } from "../../hud/attention/attention_model";
import { windowSet } from "../../hud/attention/attention_settings";
import { type MatrixWindow, moved, wholeWindow, zoomed } from "../../hud/attention/matrix_window";
import { MatrixZoom } from "../../hud/attention/matrix_zoom";
import { count } from "../../hud/format";
import { shownPosition } from "../../hud/moment_position";
import { MapZoom } from "../../hud/rope/map_zoom";
import { LEAST_SPAN, windowOf } from "../../hud/rope/rope_map";
import { ropeModel } from "../../hud/rope/rope_model";
import type { AppState } from "../../state/state";
import { announce } from "./announce";

/** What a key means: nearer (1) or farther (-1), how far right and down; null is all of it. */
type Steer = { readonly nearer: number; readonly right: number; readonly down: number } | null;

const CLOSER = 1.5;
/** Of what is in view, by which an arrow moves. */
const SHARE = 1 / 8;

const steer = (nearer: number, right = 0, down = 0): Steer => ({ nearer, right, down });
const KEYS: Readonly<Record<string, Steer>> = {
  "+": steer(1),
  "=": steer(1),
  "-": steer(-1),
  _: steer(-1),
  ArrowLeft: steer(0, -1),
  ArrowRight: steer(0, 1),
  ArrowUp: steer(0, 0, -1),
  ArrowDown: steer(0, 0, 1),
  r: null,
};

/** Moves what the focused instrument shows as `key` says, and says what is in view then. */
export function steerBy(state: AppState, key: string): void {
  const by = KEYS[key];
  if (by === undefined) return;
  const said = state.focus === "attention" ? steerMatrix(state, by) : steerMap(state, by);
  if (said !== "") announce(said);
}

/** Round the query on show, where it is in view. */
function steerMatrix(state: AppState, by: Steer): string {
  const length = decodedLength(state);
  if (length === 0) return "";
  const zoom = new MatrixZoom();
  const seen = zoom.window(state, length) ?? wholeWindow(length);
  windowSet(state, by && nearer(state, by, seen, length));
  const now = zoom.window(state, length);
  if (!now) return `Attention: all ${count(length)} positions`;
  const range = (first: number): string =>
    `${count(first)} to ${count(Math.min(first + now.span, length) - 1)}`;
  return `Attention: queries ${range(now.query)}, keys ${range(now.key)}, of ${count(length)}`;
}

function nearer(
  state: AppState,
  { nearer, right, down }: NonNullable<Steer>,
  seen: MatrixWindow,
  length: number,
): MatrixWindow | null {
  const { query, key, span } = seen;
  const step = Math.max(1, Math.round(span * SHARE));
  if (nearer === 0)
    return span < wholeWindow(length).span ? moved(seen, length, down * step, right * step) : null;
  const shown = shownQuery(state) + 0.5;
  const at = shown > query && shown < query + span ? shown : query + span / 2;
  return zoomed(seen, length, CLOSER ** nearer, at, key + span / 2);
}

/** Round the position on show, where it is in view. */
function steerMap(state: AppState, by: Steer): string {
  if (!("pairs" in ropeModel(state.model, state.selection.layer))) return "";
  const zoom = new MapZoom();
  const position = shownPosition(state) ?? 0;
  const context = Math.max(state.model!.n_ctx, LEAST_SPAN);
  const view = () => windowOf(position, context, zoom.span, zoom.start);
  zoom.follow(state);
  const { start, span } = view();
  if (!by) zoom.set(state, 0, 0);
  else {
    const { span: kept } = windowOf(
      position,
      context,
      by.nearer > 0 ? span / 2 : by.nearer < 0 ? span * 2 : span,
      0,
    );
    const at = position >= start && position < start + span ? position : start + span / 2;
    const from =
      by.nearer === 0 ? start + Math.round(by.right * span * SHARE) : at - (at - start) * (kept / span);
    zoom.set(state, windowOf(position, context, kept, from).start, kept);
  }
  const now = view();
  return `Rotary positions ${count(now.start)} to ${count(Math.min(now.start + now.span, context) - 1)}`;
}
