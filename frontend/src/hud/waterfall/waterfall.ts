import { stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { PAGE, TokenHistory } from "../../state/token_history";
import { type Color, fade, palette } from "../color";
import { count as grouped } from "../format";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { octagon, panel } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import type { Plot } from "../kit/sparkline";
import type { Rect } from "../layout";
import { progress } from "../motion";
import { PlaceIn } from "../place_in";
import type { Scene } from "../scene";
import { Scrolled } from "../scrolled";
import { Seen } from "../seen";
import { color, glow, motion, size, text } from "../theme";
import type { HudHost, HudUi } from "../ui";
import { slide, TimeWindow } from "./time_window";
import { cellAt, columnHeight, drawColumn, rankBaseline, SMALL, Standing } from "./waterfall_column";
import { drawEntropyAxis, drawEntropyLine, type EntropyPoints } from "./waterfall_entropy";
import { cellFacts, columnFacts, entropyTop, WaterfallColumns } from "./waterfall_model";
import { type Place, placeOf } from "./waterfall_place";
import { WaterfallTrack } from "./waterfall_track";

/** Columns that can be seen at once, those half in view too. */
const MOST_COLUMNS = 96;
/** Pixels that a press may move and still be a press. */
const STEADY = 4;
const BUTTON_NOW = 0;
const RANK = fade(color.muted, 0.7);
/** Of a column that stands out: its ground from top to bottom, its upper edge; and round a pinned one. */
const shadesOf = (paint: Color) => palette(fade(paint, 0.1), fade(paint, 0.02), fade(paint, 0.8));
const NEWEST = shadesOf(color.data);
const PINNED = shadesOf(color.attention);
const EDGE = fade(color.attention, 0.7);

/** The probability waterfall. */
export class Waterfall implements InstrumentView {
  private readonly window = new TimeWindow();
  private readonly columns = new WaterfallColumns();
  private readonly history: TokenHistory;
  private readonly track: WaterfallTrack;
  private readonly points: EntropyPoints = {
    x: new Float32Array(MOST_COLUMNS),
    y: new Float32Array(MOST_COLUMNS),
    nats: new Float32Array(MOST_COLUMNS),
    count: 0,
  };
  private place: Place | null = null;
  private plot: Plot = { x: 0, y: 0, width: 0, height: 0, low: 0, high: 0 };
  private plotted: Place | null = null;
  private readonly placeIn = new PlaceIn(placeOf);
  private readonly seenRange = new Seen();
  private captions: readonly string[] = [];
  private host: HudHost | null = null;
  private readonly scrolled = new Scrolled("waterfall.end");
  private runId = "";
  private step: number | null = null;
  private returns = 0;
  private dragged = 0;

  constructor(private readonly scene: Scene) {
    this.track = new WaterfallTrack(scene);
    this.history = new TokenHistory((start, stop) => this.fetch(start, stop));
  }

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    // A window that was told to move does so while a replay stands, too.
    const clock = now + ui.lag;
    this.host = ui.host;
    const place = this.placeIn.of(rect);
    this.place = place;
    const total = state.run?.count ?? 0;
    this.follow(state, place, clock);
    const shift = ui.reducedMotion ? 0 : slide(state.tokens, now);
    const end = this.window.at(total, shift, clock, ui.reducedMotion);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, waterfall.title, this.captionsOf(state, end, place));
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    this.drawColumns(state, place, end, clock, ui);
    this.drawEntropy(state, place, end, clock);
    this.track.draw(state, place, end, ui.hits);
    if (total > 0 && (!this.window.follows || state.selection.step !== null)) this.drawNow(rect, ui);
    scene.popClip();
    this.point(state, rect, end, clock, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    const { place } = this;
    const total = state.run?.count ?? 0;
    if (!place || hit.kind === "title") return false;
    if (event.type === "wheel") {
      this.window.scroll(event.wheel / place.step, total, place.visible);
      return true;
    }
    if (hit.kind === "button" && hit.value === BUTTON_NOW) {
      if (event.type === "press") stepSelected(state, null);
      return true;
    }
    if (hit.kind === "slider") {
      if (event.type === "press" || event.type === "drag") this.seek(event.x, total, place);
      return true;
    }
    if (event.type === "press") this.dragged = 0;
    else if (event.type === "drag") this.drag(event, total, place);
    else if (event.type === "release" && hit.kind === "column" && this.dragged <= STEADY)
      pin(state, hit.value);
    return event.type !== "double";
  }

  private drag(event: HudPointerEvent, total: number, place: Place): void {
    this.dragged += Math.abs(event.dx) + Math.abs(event.dy);
    if (this.dragged > STEADY) this.window.scroll(-event.dx / place.step, total, place.visible);
  }

  /** Shows the part of the run under `x` on the track. */
  private seek(x: number, total: number, { track, visible }: Place): void {
    const middle = ((x - track.x) / track.width) * total;
    this.window.scroll(middle + visible / 2 - this.window.end, total, visible);
  }

  private captionsOf(state: AppState, end: number, place: Place): readonly string[] {
    const { seenRange } = this;
    seenRange.begin();
    seenRange.value(Math.floor(end - place.visible));
    seenRange.value(Math.ceil(end));
    seenRange.value(state.run?.count ?? 0);
    if (seenRange.changed) this.captions = captions(state, end, place);
    return this.captions;
  }

  /** Goes where the selection goes, and begins anew with a run. */
  private follow(state: AppState, place: Place, now: number): void {
    const { window, scrolled } = this;
    const id = state.run?.started.run_id ?? "";
    const { step, returns } = state.selection;
    if (id !== this.runId) {
      // What a link says is of the first run that comes.
      if (this.runId !== "") window.reset();
      this.runId = id;
      this.step = null;
    }
    if (scrolled.follow(state)) {
      window.reset(scrolled.value);
      this.step = null;
      this.returns = returns;
    }
    const back = step === null && (this.step !== null || returns !== this.returns);
    if (back && !window.follows) window.goTo(null, now);
    if (step !== null && step !== this.step) {
      const linked = state.selection.linked && scrolled.value !== null;
      if (!linked) window.reveal(step, state.run?.count ?? 0, place.visible, now);
    }
    this.step = step;
    this.returns = returns;
    scrolled.set(state, window.resting);
  }

  /** A window lies over two pages at most: they take turns, so that neither waits for the other. */
  private fetch(start: number, stop: number): void {
    const slot = `waterfall ${(start / PAGE) % 2}`;
    this.host?.ask(slot, { kind: "get_tokens", start, stop }, (reply) => {
      this.history.deliver(reply.run_id, start, reply.tokens);
    });
  }

  private drawColumns(state: AppState, place: Place, end: number, clock: number, ui: HudUi): void {
    const { scene } = this;
    const { area, density, step: width, rows, top } = place;
    const total = state.run?.count ?? 0;
    ui.hits.add("plot", 0, area.x, area.y, area.width, area.height);
    if (total === 0) {
      const words = ["a column for each token: what it could have been, and what it became", "no tokens yet"];
      scene.textFitting(area.x + 8, top + 30, area.width - 16, words, text.caption, color.muted);
      return;
    }
    for (let row = 0; row < rows; row++) {
      const y = top + rankBaseline(density, row);
      scene.text(area.x - 4, y, String(row + 1), density.caption, RANK, "right");
    }
    scene.pushClip(area.x, area.y, area.width, area.height);
    const pinned = state.selection.step;
    const first = Math.max(0, Math.floor(end - place.visible));
    for (let step = first; step < Math.min(end, total); step++) {
      const x = Math.round((area.x + area.width - (end - step) * width) * scene.scale) / scene.scale;
      scene.rect(x, area.y, 1, area.height, color.rule);
      const standing = step === pinned ? Standing.pinned : step === total - 1 ? Standing.now : Standing.past;
      if (standing !== Standing.past) this.drawStanding(x, place, standing);
      const event = this.history.at(state, step, clock);
      if (event)
        drawColumn(scene, this.columns.of(event, state.vocabulary), density, x, top, width, rows, standing);
      else scene.text(x + 8, top + 28, "…", text.token, color.muted);
      const from = Math.max(x, area.x);
      const to = Math.min(x + width, area.x + area.width);
      if (to > from) ui.hits.add("column", step, from, area.y, to - from, area.height);
    }
    scene.popClip();
  }

  /** The column of the moment on show, or of the newest token. */
  private drawStanding(x: number, { area, step: width }: Place, standing: number): void {
    const { scene } = this;
    const pinned = standing === Standing.pinned;
    const shades = pinned ? PINNED : NEWEST;
    const { at } = scene;
    at[0] = x;
    at[1] = area.y;
    at[2] = width;
    at[3] = area.height;
    scene.fillAt(shades[0]!, shades[1]!, true);
    at[3] = 1;
    scene.fillAt(shades[2]!, shades[2]!);
    at[3] = area.height;
    if (pinned) scene.boxAt(color.clear, EDGE, 1, glow.bracket, color.attention);
  }

  private drawEntropy(state: AppState, place: Place, end: number, clock: number): void {
    const { points } = this;
    const { area, step: width } = place;
    const total = state.run?.count ?? 0;
    const first = Math.max(0, Math.floor(end - place.visible) - 1);
    const last = Math.min(Math.ceil(end) + 1, total);
    points.count = 0;
    let greatest = 0;
    for (let step = first; step < last && points.count < MOST_COLUMNS; step++) {
      const event = this.history.at(state, step, clock);
      const nats = event ? event.entropy : Number.NaN;
      points.x[points.count] = area.x + area.width - (end - step - 0.5) * width;
      points.nats[points.count++] = nats;
      if (nats > greatest) greatest = nats;
    }
    const plot = this.plotOf(place, entropyTop(greatest));
    drawEntropyAxis(this.scene, plot, place.axis);
    this.scene.pushClip(area.x, plot.y - 8, area.width, plot.height + 12);
    drawEntropyLine(this.scene, plot, points, total - 1 - first);
    this.scene.popClip();
  }

  /** Made anew only where its place or its scale is another. */
  private plotOf(place: Place, high: number): Plot {
    if (place !== this.plotted || high !== this.plot.high) this.plot = { ...place.plot, low: 0, high };
    this.plotted = place;
    return this.plot;
  }

  /** Back to the newest token. */
  private drawNow(rect: Rect, ui: HudUi): void {
    const { scene } = this;
    const label = "NOW ▸";
    const width = scene.measure(label, text.label) + 16;
    const left = rect.x + size.padding + 22 + scene.measure(waterfall.title, text.title);
    const box = { x: left, y: rect.y + 7, width, height: 18 };
    octagon(scene, box, 4, color.raised, color.attention, glow.bracket);
    scene.text(box.x + 8, box.y + 13, label, text.label, color.attention);
    ui.hits.add("button", BUTTON_NOW, box.x, box.y, box.width, box.height);
  }

  /** Tells of what is under the pointer. */
  private point(state: AppState, rect: Rect, end: number, clock: number, ui: HudUi): void {
    const { place } = this;
    const { pointerX: x, pointerY: y } = ui;
    if (!place) return;
    const { area } = place;
    const inside = x >= area.x && x < area.x + area.width && y >= area.y && y < area.y + area.height;
    if (!inside) return;
    const step = Math.floor(end - (area.x + area.width - x) / place.step);
    const event = this.history.at(state, step, clock);
    if (!event) return;
    const column = this.columns.of(event, state.vocabulary);
    const cell = cellAt(column, place.density, place.rows, y - place.top);
    const lines = cell ? cellFacts(cell, state.vocabulary) : columnFacts(event, state.vocabulary);
    const within = { x: rect.x + 4, y: rect.y + 4, width: rect.width - 8, height: rect.height - 8 };
    callout(this.scene, x, y, lines, within);
  }
}

function captions(state: AppState, end: number, { visible }: Place): string[] {
  const total = state.run?.count ?? 0;
  const scale = "bar = p · cell width = 1 · sampled lit";
  if (total === 0) return [scale];
  const first = Math.max(1, Math.floor(end - visible) + 1);
  const range = `${grouped(first)} – ${grouped(Math.min(Math.ceil(end), total))} of ${grouped(total)}`;
  return [`${range} · ${scale}`, scale, "sampled lit"];
}

/** Shows the moment of a step; a second press on it, or one on the newest, goes back to now. */
function pin(state: AppState, step: number): void {
  const newest = state.tokens.at(-1)?.event.step;
  stepSelected(state, step === newest || step === state.selection.step ? null : step);
}

export const waterfall: Instrument = {
  id: "waterfall",
  title: "PROBABILITY WATERFALL",
  short: "WATERFALL",
  parts: [],
  minimum: { width: 420, height: HEADING + columnHeight(SMALL, 5) + 60 },
  create: (scene) => new Waterfall(scene),
};
