import type { AppState } from "../../state/state";
import { type Color, fade, palette } from "../color";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import type { HudUi } from "../ui";
import { placeFacts } from "./attention_model";
import { axisLabel } from "./tokens";

/** What of the matrix is on show, for its axes. Positions; `joined` of them along the side of a place. */
export interface Axes {
  readonly query: number;
  readonly key: number;
  readonly places: number;
  readonly joined: number;
  /** The query on show. */
  readonly chosen: number;
  /** Queries there are. */
  readonly length: number;
  readonly prompt: number;
  /** Under the pointer; -1 is none. */
  readonly pointedQuery: number;
  readonly pointedKey: number;
}

const LINE = 11;
/** Of the answer, of the prompt, of the query on show. */
const TONES = palette(color.settled, fade(color.muted, 0.9), color.attention);
const PROMPT_END = fade(color.data, 0.4);

/** Every how many places a label fits. */
export function labelStride(places: number, side: number): number {
  return Math.max(1, Math.ceil(LINE / (side / places)));
}

/** Tokens along both axes, thinned to what is legible; that of the query on show is always there. */
export function drawAxes(
  scene: Scene,
  state: AppState,
  axes: Axes,
  plot: Rect,
  left: number,
  below: number,
): void {
  const { places, joined, length, chosen } = axes;
  const cell = plot.width / places;
  const stride = labelStride(places, plot.width);
  const ownQuery = Math.floor((chosen - axes.query) / joined);
  const ownKey = Math.floor((chosen - axes.key) / joined);
  const room = below - 8;
  const { at: pen } = scene;
  for (let place = 0; place < places; place++) {
    const middle = (place + 0.5) * cell;
    const query = axes.query + place * joined;
    if (query < length && (place - ownQuery) % stride === 0) {
      const own = place === ownQuery;
      const at = own ? chosen : query;
      const paint = toneOf(axes, query, own);
      const label = scene.cut(left - 10, axisLabel(state, at), text.word);
      pen[0] = plot.x - 6;
      pen[1] = plot.y + middle + 3.5;
      scene.textAt(label, text.word, paint, "right");
    }
    const key = axes.key + place * joined;
    if (key < length && (place - ownKey) % stride === 0) {
      const own = place === ownKey;
      const label = scene.cut(room, axisLabel(state, own ? chosen : key), text.word);
      const paint = toneOf(axes, key, own);
      pen[0] = plot.x + middle - 3;
      pen[1] = plot.y + plot.height + 6;
      scene.textDownAt(label, text.word, paint);
    }
  }
}

function toneOf({ prompt }: Axes, position: number, own: boolean): Color {
  return TONES[own ? 2 : position < prompt ? 1 : 0]!;
}

/** The whole token of the label under the pointer, of either axis, and its position; empty where there is none. */
export function labelUnder(
  state: AppState,
  axes: Axes,
  plot: Rect,
  left: number,
  below: number,
  { pointerX, pointerY }: HudUi,
): string {
  if (Number.isNaN(pointerX)) return "";
  const along = pointerX - plot.x;
  const across = pointerY - plot.y;
  const beside = along < 0 && along >= -left && across >= 0 && across < plot.height;
  const under = across >= plot.height && across < plot.height + below && along >= 0 && along < plot.width;
  if (!beside && !under) return "";
  const { places, joined, length, chosen } = axes;
  const first = beside ? axes.query : axes.key;
  const own = Math.floor((chosen - first) / joined);
  const stride = labelStride(places, plot.width);
  const at = ((beside ? across : along) * places) / plot.width - 0.5;
  const place = own + Math.round((at - own) / stride) * stride;
  const position = first + place * joined;
  if (place < 0 || place >= places || position >= length) return "";
  // The query on show stands for its place.
  const [name, note] =
    place === own ? placeFacts(state, chosen, 1, length) : placeFacts(state, position, joined, length);
  return `"${name}" · ${note}`;
}

/** Where the prompt ends, on both axes. */
export function drawPromptEnd(scene: Scene, axes: Axes, plot: Rect): void {
  const per = plot.width / (axes.places * axes.joined);
  const x = Math.round(plot.x + (axes.prompt - axes.key) * per) + 0.5;
  const y = Math.round(plot.y + (axes.prompt - axes.query) * per) + 0.5;
  const end = plot.y + Math.min(plot.height, (axes.length - axes.query) * per);
  if (axes.prompt >= axes.length) return;
  if (x > plot.x && x < plot.x + plot.width)
    scene.dashes(x, Math.max(y, plot.y), x, end, 1, PROMPT_END, 2, 3);
  if (y > plot.y && y < plot.y + plot.height) {
    scene.dashes(plot.x, y, Math.min(x, plot.x + plot.width), y, 1, PROMPT_END, 2, 3);
  }
}
