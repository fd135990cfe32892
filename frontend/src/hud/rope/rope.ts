import { optionSet, stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { fade } from "../color";
import { count } from "../format";
import type { HeatRegion } from "../heat_store";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView, Option } from "../instrument";
import { panel } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import { drawSwitch } from "../kit/switch";
import type { Rect } from "../layout";
import { shownPosition, stepAt } from "../moment_position";
import { easeOutCubic, progress } from "../motion";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, glow, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { MapZoom } from "./map_zoom";
import { dialIn, drawDial, pairColor, ringAt } from "./rope_dial";
import { drawMapKey, writeKey } from "./rope_key";
import { LEAST_SPAN, MAP_COLUMNS, MAP_GAMMA, MAP_ROWS, type Window, windowOf, writeMap } from "./rope_map";
import { type NoRope, pairAt, type RopeModel, ropeModel, speeds, tokens } from "./rope_model";

const GAP = 10;
const AXIS = 14;
const BARS = 76;
const ROW = 15;
/** A panel this wide sets dial and map side by side. */
const WIDE = 560;
const PLOT = 0;
/** Option of the page: sin, or cos. */
const TRIG = "rope.trig";
const TRIG_OPTION: Option = {
  name: TRIG,
  label: "Map of rotary positions",
  choices: [
    { value: "sin", word: "sine" },
    { value: "cos", word: "cosine" },
  ],
};

/** The pair and the position someone points at; -1 for none. */
interface Pointed {
  pair: number;
  position: number;
}

/** Rotary embedding: each pair's hand at the position on show, and cos or sin over all positions. */
export class Rope implements InstrumentView {
  private model: RopeModel | NoRope = [];
  private readonly seen = new Seen();
  private readonly written = new Seen();
  private region: HeatRegion | null = null;
  private key: HeatRegion | null = null;
  private rows = 0;
  private sine = false;
  private readonly zoomed = new MapZoom();
  /** Logical pixels since the press. */
  private dragged = 0;
  private window: Window = windowOf(0, LEAST_SPAN, 0, 0);
  private map: Rect = { x: 0, y: 0, width: 1, height: 1 };
  private readonly pointed: Pointed = { pair: -1, position: -1 };

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const model = this.modelOf(state);
    this.sine = state.options.get(TRIG) !== "cos";
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    const there = "pairs" in model;
    heading(scene, rect, "POSITIONS · ROPE", there ? model.captions : []);
    const x = rect.x + size.padding;
    const width = rect.width - 2 * size.padding;
    const top = rect.y + HEADING + GAP;
    const height = rect.y + rect.height - size.padding - top;
    if (!there) {
      scene.textFitting(x, top + 14, width, model, text.data, color.muted);
      return;
    }
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const position = shownPosition(state) ?? 0;
    this.zoomed.follow(state);
    this.window = windowOf(position, this.context(state), this.zoomed.span, this.zoomed.start);
    if (width >= WIDE) {
      const side = Math.min(height, Math.floor(width * 0.44));
      this.place({ x: x + side + 20, y: top, width: width - side - 20, height });
      this.drawDialPart(state, model, { x, y: top, width: side, height }, position, now, drawn, ui);
    } else {
      const upper = Math.max(110, Math.min(Math.floor(height * 0.5), Math.floor(width * 0.56)));
      this.place({ x, y: top + upper + GAP, width, height: height - upper - GAP });
      this.drawDialPart(state, model, { x, y: top, width, height: upper }, position, now, drawn, ui);
    }
    this.drawMap(state, model, position, ui);
    scene.popClip();
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind === "button" && event.type === "press") {
      optionSet(state, TRIG, hit.value === 1 ? "cos" : null);
      return true;
    }
    if (hit.kind !== "plot" || hit.value !== PLOT) return false;
    if (event.type === "wheel") this.zoom(state, event.x, event.wheel);
    else if (event.type === "double") this.zoomed.set(state, 0, 0);
    else if (event.type === "press") this.dragged = 0;
    else if (event.type === "drag") this.pan(state, event.dx);
    else if (this.dragged < 3) pin(state, this.positionAt(event.x));
    return true;
  }

  private zoom(state: AppState, x: number, wheel: number): void {
    const at = this.positionAt(x);
    const most = 2 ** Math.ceil(Math.log2(this.context(state)));
    const span = wheel > 0 ? this.window.span * 2 : this.window.span / 2;
    const kept = Math.min(Math.max(span, LEAST_SPAN), Math.max(most, LEAST_SPAN));
    this.zoomed.set(state, at - ((x - this.map.x) / this.map.width) * kept, kept);
  }

  private pan(state: AppState, dx: number): void {
    this.dragged += Math.abs(dx);
    if (this.dragged < 3) return;
    const { span } = this.window;
    this.zoomed.set(state, this.zoomed.start - (dx / this.map.width) * span, span);
  }

  private context({ model }: AppState): number {
    return Math.max(model?.n_ctx ?? LEAST_SPAN, LEAST_SPAN);
  }

  private positionAt(x: number): number {
    const { start, span } = this.window;
    return Math.floor(start + ((x - this.map.x) / this.map.width) * span);
  }

  /** Where the map stands in its part: captions above, its axis below, bars of wavelengths at the right. */
  private place(part: Rect): void {
    const y = part.y + 24;
    this.map = {
      x: part.x + 22,
      y,
      width: part.width - 22 - BARS - 10,
      height: part.y + part.height - AXIS - y,
    };
  }

  /** What the pointer is over, of dial or map. */
  private point(count: number, dial: ReturnType<typeof dialIn>, ui: HudUi): void {
    const { map, pointed } = this;
    const { pointerX: x, pointerY: y } = ui;
    const across = x >= map.x && x < map.x + map.width + 10 + BARS;
    const inMap = across && y >= map.y && y < map.y + map.height;
    pointed.position = inMap && x < map.x + map.width ? this.positionAt(x) : -1;
    if (inMap) pointed.pair = Math.floor(((y - map.y) / map.height) * Math.min(count, MAP_ROWS));
    else pointed.pair = Number.isNaN(x) ? -1 : ringAt(dial, count, x, y);
  }

  private drawDialPart(
    state: AppState,
    model: RopeModel,
    rect: Rect,
    position: number,
    now: number,
    drawn: number,
    ui: HudUi,
  ): void {
    const { scene } = this;
    const beside = rect.width > rect.height * 1.25;
    const room = beside ? rect.height : Math.min(rect.width, rect.height - 10 * ROW);
    const dial = dialIn({ x: rect.x, y: rect.y, width: beside ? room : rect.width, height: room });
    const { pairs, wavelengths } = model;
    this.point(pairs.count, dial, ui);
    const newest = state.tokens.at(-1);
    const turning = newest && state.selection.step === null && !ui.reducedMotion;
    const moved = turning ? easeOutCubic(progress(now, newest.arrived, motion.slideIn)) : 1;
    const at = Math.max(0, position - 1 + moved);
    const context = this.context(state);
    drawDial(scene, dial, pairs, wavelengths, at, context, this.pointed.pair, drawn);
    const left = beside ? rect.x + room + 16 : rect.x;
    const width = beside ? rect.width - room - 16 : rect.width;
    const top = beside ? rect.y : rect.y + room + 8;
    this.drawFacts(state, model, { x: left, y: top, width, height: rect.y + rect.height - top }, position);
  }

  private drawFacts(state: AppState, model: RopeModel, rect: Rect, position: number): void {
    const { scene } = this;
    const { pairs, wavelengths } = model;
    const end = rect.x + rect.width;
    let y = rect.y + 11;
    const last = rect.y + rect.height;
    // `brief` where the name has no room.
    const row = (name: string, value: string, paint = color.data, brief = name): void => {
      if (y > last) return;
      const used = scene.text(end, y, value, text.data, paint, "right");
      const room = rect.width - used - 8;
      const said = scene.measure(name, text.caption) <= room ? name : brief;
      scene.textWithin(rect.x, y, room, said, text.caption, color.muted);
      if (name.startsWith("●")) scene.text(rect.x, y, "●", text.caption, paint);
      y += ROW;
    };
    row("position p", count(position), color.now);
    const [round, never] = speeds(wavelengths, position, this.context(state));
    const { pair } = this.pointed;
    if (pair >= 0 && pair < pairs.count) {
      const where = this.pointed.position >= 0 ? this.pointed.position : position;
      const { cos, sin, turns } = pairAt(pairs, pair, where);
      row(`pair ${pair} · wavelength`, `${model.shown[pair]} tokens`, color.attention, `pair ${pair} · λ`);
      row(`turns at ${count(where)}`, turns < 10 ? turns.toFixed(3) : turns.toFixed(1), color.attention);
      row("cos · sin", `${signed(cos)} · ${signed(sin)}`, color.attention);
    } else {
      row("fastest, outside", `${model.shown[0]} tokens`, color.data, "fastest");
      row("slowest, inside", `${model.shown[pairs.count - 1]} tokens`, color.data, "slowest");
    }
    const of = (n: number): string => `${n} of ${pairs.count}`;
    row("● came round", of(round), color.data);
    row("● not yet", of(pairs.count - round - never), color.prompt);
    row("● beyond the context", of(never), color.muted, "● beyond");
    for (const [name, value] of model.facts) row(name, value);
  }

  private keyOf(): HeatRegion {
    this.key ??= writeKey(this.scene.heat);
    return this.key;
  }

  private drawMap(state: AppState, model: RopeModel, position: number, ui: HudUi): void {
    const { scene, map, window } = this;
    const { pairs } = model;
    this.region ??= scene.heat.region(MAP_COLUMNS, MAP_ROWS);
    const { written } = this;
    written.begin();
    for (const part of [pairs, window.start, window.span, this.sine]) written.value(part);
    if (written.changed) this.rows = writeMap(scene.heat, this.region, pairs, window, this.sine);
    const used = drawSwitch(scene, ui.hits, 0, ["SIN", "COS"], this.sine ? 0 : 1, map.x, map.y - 22);
    const note = window.block > 1 ? `mean of ${window.block} positions a column` : "a column a position";
    const key = drawMapKey(scene, this.keyOf(), map.x + map.width, map.y - 22);
    const right = map.x + map.width;
    scene.textFitting(
      map.x + used + 10,
      map.y - 8,
      map.width - used - key - 20,
      [note, ""],
      text.caption,
      color.muted,
    );
    ui.hits.add("plot", PLOT, map.x, map.y, map.width, map.height);
    scene.heatmap(map.x, map.y, map.width, map.height, this.region, window.columns, this.rows, MAP_GAMMA);
    this.drawCursor(map, position);
    this.drawAxis(map, position);
    this.drawBars(state, model, { ...map, x: right + 10, width: BARS }, position);
    if (this.pointed.pair < 0) return;
    const row = map.height / this.rows;
    const y = map.y + (this.pointed.pair + 0.5) * row;
    scene.rect(map.x, Math.round(y), map.width, 1, fade(color.attention, 0.8));
  }

  /** What is yet to come is dimmed; the position on show is a white line. */
  private drawCursor(map: Rect, position: number): void {
    const { scene, window } = this;
    const share = (position + 1 - window.start) / window.span;
    const x = map.x + Math.min(Math.max(share, 0), 1) * map.width;
    const left = map.x + map.width - x;
    if (left > 0.5) scene.rect(x, map.y, left, map.height, fade(color.ground, 0.55));
    if (share < 0 || share > 1) return;
    scene.line(x, map.y - 3, x, map.y + map.height + 3, 1.25, color.now, glow.active);
  }

  private drawAxis(map: Rect, position: number): void {
    const { scene, window } = this;
    const y = map.y + map.height + 12;
    const end = window.start + window.span;
    scene.text(map.x - 5, map.y + 8, "0", text.caption, color.muted, "right");
    scene.text(map.x - 5, map.y + map.height, String(this.rows - 1), text.caption, color.muted, "right");
    const first = scene.text(map.x, y, count(window.start), text.caption, color.muted);
    const last = scene.text(map.x + map.width, y, count(end), text.caption, color.muted, "right");
    const at = map.x + ((position + 1 - window.start) / window.span) * map.width;
    const own = scene.measure(count(position), text.caption);
    const clear = at - own / 2 > map.x + first + 8 && at + own / 2 < map.x + map.width - last - 8;
    if (clear) scene.text(at, y, count(position), text.caption, color.now, "center");
  }

  /** Wavelength of each pair beside its row, on a logarithmic scale; lines at the position and at the context. */
  private drawBars(state: AppState, { wavelengths, pairs }: RopeModel, rect: Rect, position: number): void {
    const { scene } = this;
    const context = this.context(state);
    const high = Math.log10(Math.max(wavelengths[pairs.count - 1]!, context));
    const low = Math.log10(2);
    const place = (length: number): number =>
      rect.x + rect.width * Math.min(1, Math.max(0, (Math.log10(length) - low) / (high - low)));
    const row = rect.height / this.rows;
    const thick = Math.max(row > 3 ? row - 1 : row, 0.5);
    for (let i = 0; i < this.rows; i++) {
      const paint = i === this.pointed.pair ? color.attention : pairColor(wavelengths[i]!, position, context);
      const x = place(wavelengths[i]!);
      scene.gradient(rect.x, rect.y + i * row, x - rect.x, thick, fade(paint, 0.15), fade(paint, 0.7));
    }
    const limit = Math.round(place(context)) + 0.5;
    scene.dashes(limit, rect.y, limit, rect.y + rect.height, 1, color.muted, 3, 3);
    const here = place(Math.max(position + 1, 2));
    scene.line(here, rect.y - 3, here, rect.y + rect.height + 3, 1.25, color.now, glow.bracket);
    scene.textFitting(rect.x, rect.y - 8, rect.width, ["WAVELENGTH"], text.caption, color.muted);
    scene.text(rect.x, rect.y + rect.height + 12, "2", text.caption, color.muted);
    const end = tokens(10 ** high);
    scene.text(rect.x + rect.width, rect.y + rect.height + 12, end, text.caption, color.muted, "right");
  }

  private modelOf(state: AppState): RopeModel | NoRope {
    const { seen } = this;
    seen.begin();
    seen.value(state.model);
    seen.value(state.selection.layer);
    if (seen.changed) this.model = ropeModel(state.model, state.selection.layer);
    return this.model;
  }
}

/** Shows the moment of a position; the newest is followed. */
function pin(state: AppState, position: number): void {
  const step = stepAt(state, position);
  if (step !== null) stepSelected(state, step === (state.run?.count ?? 0) - 1 ? null : step);
}

/** `+.42`, `−.91`: as wide for either sign. */
function signed(value: number): string {
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3).replace(/^0/, "")}`;
}

export const rope: Instrument = {
  id: "rope",
  title: "POSITIONS · ROPE",
  short: "ROPE",
  parts: [],
  minimum: { width: 320, height: 240 },
  options: [TRIG_OPTION],
  create: (scene) => new Rope(scene),
};
