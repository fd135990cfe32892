import { type Color, fade } from "../color";
import { circleFrame } from "../kit/frame";
import { easeOutCubic, progress } from "../motion";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { cellsPerTick, type KvModel, type Span } from "./kv_model";
import type { KvWords } from "./kv_words";

const TURN = 2 * Math.PI;
/** Share of a tick that stays dark between it and the next. */
const GAP = 0.35;
/** Seconds in which the write head steps on. */
const STEP = 0.09;
/** What is left of cells that no token can look at any more. */
export const OUT_OF_WINDOW = 0.32;
const SPIKE = fade(color.data, 0.85);

/** Where the ring stands and how it is divided. */
export interface RingPlace {
  readonly cx: number;
  readonly cy: number;
  /** Middle of the ticks. */
  readonly radius: number;
  readonly thick: number;
  /** Foot of the inner ring's spikes, and how long the longest is. */
  readonly inner: number;
  readonly spike: number;
  /** Greatest numbers of ticks and of spikes. */
  readonly ticks: number;
  readonly spikes: number;
}

export function placeRing(cx: number, cy: number, outer: number): RingPlace {
  const thick = Math.round(Math.min(Math.max(outer * 0.12, 6), 18));
  const radius = outer - thick / 2 - 6;
  const inner = radius * 0.58;
  return {
    cx,
    cy,
    radius,
    thick,
    inner,
    spike: radius - thick / 2 - 5 - inner,
    ticks: radius < 52 ? 64 : radius < 130 ? 128 : 256,
    spikes: radius < 52 ? 64 : radius < 130 ? 128 : 256,
  };
}

/** The cells: free ones as dark ticks, used ones lit in the tone of what they hold. */
export function drawCells(scene: Scene, place: RingPlace, model: KvModel): void {
  const { cx, cy, radius, thick } = place;
  const per = cellsPerTick(model.cells, place.ticks);
  scene.arc(
    cx,
    cy,
    radius,
    thick,
    0,
    (Math.ceil(model.cells / per) * per * TURN) / model.cells,
    color.track,
    0,
    Math.ceil(model.cells / per),
    GAP,
  );
  scene.arc(cx, cy, radius + thick / 2 + 4, 1, 0, TURN, color.frame);
  let newest: Span | null = null;
  for (let i = 0; i < model.spans.length; i++) {
    const span = model.spans[i]!;
    if (span.live && span.tone === "answer") newest = span;
  }
  for (let i = 0; i < model.spans.length; i++) {
    const span = model.spans[i]!;
    const tone = span.tone === "prompt" ? color.prompt : color.data;
    const paint = span.live ? tone : fade(tone, OUT_OF_WINDOW);
    drawSpan(scene, place, model.cells, per, span, paint, span === newest ? glow.bracket : glow.none);
  }
}

/** Whole ticks of a span in one item, and what is left of it at its ends: exact to the cell. */
function drawSpan(
  scene: Scene,
  place: RingPlace,
  cells: number,
  per: number,
  span: Span,
  paint: Color,
  light: number,
): void {
  const { cx, cy, radius, thick } = place;
  const first = Math.ceil(span.from / per);
  const last = Math.floor(span.to / per);
  if (last > first) {
    scene.arc(
      cx,
      cy,
      radius,
      thick,
      ((first * per) / cells) * TURN,
      (((last - first) * per) / cells) * TURN,
      paint,
      light,
      last - first,
      GAP,
    );
  }
  drawPart(scene, place, cells, per, span.from, Math.min(first * per, span.to), paint, light);
  if (first <= last) drawPart(scene, place, cells, per, last * per, span.to, paint, light);
}

/** Cells of one tick. */
function drawPart(
  scene: Scene,
  { cx, cy, radius, thick }: RingPlace,
  cells: number,
  per: number,
  from: number,
  to: number,
  paint: Color,
  light: number,
): void {
  if (to <= from) return;
  const tick = Math.floor(from / per) * per;
  const start = angleIn(tick, from, per, cells);
  // One segment: flat at its ends.
  scene.arc(cx, cy, radius, thick, start, angleIn(tick, to, per, cells) - start, paint, light, 1, 0);
}

/** Of a cell's edge in its tick, which ends before the next one begins. */
function angleIn(tick: number, cell: number, per: number, cells: number): number {
  return ((tick + (GAP / 2 + (1 - GAP) * ((cell - tick) / per)) * per) / cells) * TURN;
}

/** The stretch of the ring that a window lets the next token see. */
export function drawWindow(scene: Scene, place: RingPlace, model: KvModel): void {
  if (model.window === 0 || model.rotating) return;
  const { cx, cy, radius, thick } = place;
  const from = (Math.min(model.offset, model.cells) / model.cells) * TURN;
  const to = (Math.min(model.offset + model.window, model.cells) / model.cells) * TURN;
  if (to <= from) return;
  const r = radius + thick / 2 + 4;
  scene.arc(cx, cy, r, 1.5, from, to - from, color.now, glow.bracket);
  for (const angle of [from, to]) radial(scene, place, angle, r - 3, r + 3, 1.5, color.now, glow.none);
}

/** Where the next token goes. */
export function drawWriteHead(
  scene: Scene,
  place: RingPlace,
  model: KvModel,
  arrived: number,
  now: number,
  still: boolean,
): void {
  if (model.writeHead < 0) return;
  const stepped = still ? 1 : easeOutCubic(progress(now, arrived, STEP));
  const cell = model.writeHead - (1 - stepped);
  const angle = ((cell + 0.5) / model.cells) * TURN;
  const { radius, thick, cx, cy } = place;
  const from = radius - thick / 2 - 3;
  const to = radius + thick / 2 + 7;
  radial(scene, place, angle, from, to, 1.5, color.attention, glow.bracket);
  // An arrowhead that points at the cell from inside.
  const tip = from - 1;
  const s = Math.sin(angle);
  const c = Math.cos(angle);
  for (let side = -1; side <= 1; side += 2) {
    const x = cx + (tip - 7) * s + side * 4 * c;
    const y = cy - (tip - 7) * c + side * 4 * s;
    scene.line(x, y, cx + tip * s, cy - tip * c, 1.5, color.attention, glow.none);
  }
}

/** Attention by cell: a spike outwards from the inner ring, as long as the root of the weight. */
export function drawSpikes(scene: Scene, place: RingPlace, spikes: Float32Array | null, shown: number): void {
  const { cx, cy, inner, spike } = place;
  scene.arc(cx, cy, inner, 1, 0, TURN, color.frame);
  if (!spikes) return;
  const per = cellsPerTick(shown, place.spikes);
  const width = Math.min(Math.max(((inner * TURN) / spikes.length) * 0.6, 1), 4);
  let strongest = 0;
  for (let i = 1; i < spikes.length; i++) if (spikes[i]! > spikes[strongest]!) strongest = i;
  for (let i = 0; i < spikes.length; i++) {
    const length = Math.sqrt(spikes[i]!) * spike;
    if (length < 0.4) continue;
    const angle = (Math.min((i + 0.5) * per, shown) / shown) * TURN;
    const lit = i === strongest;
    radial(
      scene,
      place,
      angle,
      inner,
      inner + length,
      width,
      lit ? color.now : SPIKE,
      lit ? glow.bracket : 0,
    );
  }
}

function radial(
  scene: Scene,
  { cx, cy }: RingPlace,
  angle: number,
  from: number,
  to: number,
  width: number,
  paint: Color,
  light: number,
): void {
  const s = Math.sin(angle);
  const c = Math.cos(angle);
  scene.line(cx + from * s, cy - from * c, cx + to * s, cy - to * c, width, paint, light);
}

/** Tokens in the cache, of the cells there are. */
export function drawMiddle(scene: Scene, place: RingPlace, words: KvWords, drawn: number): void {
  const { cx, cy, radius, inner, thick } = place;
  circleFrame(scene, cx, cy, radius + thick / 2 + 6, drawn);
  const { used, cells } = words;
  const room = 4 * inner * inner - scene.measure(cells, text.caption) ** 2;
  // How far down the words fit between the spikes; in a small ring they move up under a smaller number.
  const down = room > 0 ? Math.sqrt(room) / 2 - 2 : 0;
  const large = down >= 20 && scene.measure(used, text.number) < inner * 1.5;
  const said = large || down >= 14;
  const baseline = large ? 6 : said ? 0 : 4;
  scene.text(cx, cy + baseline, used, large ? text.number : text.state, color.now, "center");
  if (said) scene.text(cx, cy + (large ? 20 : 14), cells, text.caption, color.muted, "center");
}

/** The cell under the pointer on the outer ring, or on the inner one; -1 elsewhere. */
export function cellAt(place: RingPlace, cells: number, shown: number, x: number, y: number): number {
  const [dx, dy] = [x - place.cx, y - place.cy];
  const far = Math.hypot(dx, dy);
  if (far > place.radius + place.thick / 2 + 4 || far < place.inner - 8) return -1;
  const turn = (((Math.atan2(dx, -dy) / TURN) % 1) + 1) % 1;
  const all = far >= place.radius - place.thick / 2 - 3 ? cells : shown;
  return Math.min(Math.floor(turn * all), all - 1);
}
