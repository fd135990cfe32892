import type { AttentionMatrix } from "../../state/attention_matrix";
import { stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { floatToHalf } from "../../telemetry/half";
import { fade } from "../color";
import { HEAT_EDGE } from "../heat_store";
import type { HudPointerEvent } from "../instrument";
import { outline } from "../kit/frame";
import type { Rect } from "../layout";
import { stepAt } from "../moment_position";
import { easeInOutCubic, progress } from "../motion";
import type { Scene } from "../scene";
import { color, glow, heatGamma, text } from "../theme";
import type { HudUi } from "../ui";
import type { AttentionLayout } from "./attention_layout";
import { type AttentionModel, type CellFacts, cellFacts, rowFacts } from "./attention_model";
import { windowSet } from "./attention_settings";
import type { Cells } from "./cells";
import { Detail } from "./detail";
import { type Axes, drawAxes, drawPromptEnd, labelUnder } from "./matrix_axes";
import { MatrixPicture, type WeightScale } from "./matrix_picture";
import { type MatrixWindow, wholeWindow } from "./matrix_window";
import { MatrixZoom } from "./matrix_zoom";
import { drawReadout } from "./readout";

const FADE = 0.18;
const WIPE = 0.12;
const BAR_STEPS = 256;
/** Along the scale of colours, from its top. */
const NAMES = ["1", ".75", ".5", ".25", "0"];
const GROUND = fade(color.data, 0.05);
const NOTHING: readonly string[] = [];
const ROW = fade(color.attention, 0.1);

/** The matrix of weights with its axes, its scale of colours and what it says; zoomed by the wheel, moved by dragging. */
export class MatrixPlot {
  readonly zoom = new MatrixZoom();
  /** What of the thing under the pointer is drawn cut, whole. */
  whole: readonly string[] = NOTHING;
  private readonly pictures: readonly [MatrixPicture, MatrixPicture];
  private readonly bar;
  private readonly detail = new Detail();
  private readonly axes: { -readonly [field in keyof Axes]: number } = {
    query: 0,
    key: 0,
    places: 0,
    joined: 1,
    chosen: 0,
    length: 0,
    prompt: 0,
    pointedQuery: -1,
    pointedKey: -1,
  };
  private front = 0;
  private key = "";
  private runId = "";
  private fadedFrom = Number.NaN;
  private before = false;
  private plot: Rect = { x: 0, y: 0, width: 1, height: 1 };

  constructor(private readonly scene: Scene) {
    this.pictures = [new MatrixPicture(scene.heat, HEAT_EDGE), new MatrixPicture(scene.heat, HEAT_EDGE)];
    this.bar = scene.heat.region(1, BAR_STEPS);
    const steps = Uint16Array.from({ length: BAR_STEPS }, (_, i) => floatToHalf(1 - i / (BAR_STEPS - 1)));
    scene.heat.write(this.bar, steps, 1, BAR_STEPS);
  }

  /** Positions along the side of a place of the picture. */
  get joined(): number {
    return this.picture.joined;
  }

  private get picture(): MatrixPicture {
    return this.pictures[this.front]!;
  }

  draw(
    state: AppState,
    model: AttentionModel,
    matrix: AttentionMatrix | null,
    scale: WeightScale,
    place: AttentionLayout,
    now: number,
    ui: HudUi,
    refusal: string,
  ): void {
    const { scene } = this;
    const { plot } = place;
    this.plot = plot;
    this.whole = NOTHING;
    this.drawGround(plot);
    this.drawBar(place.bar, scale);
    if (!matrix || model.length === 0) {
      const words = ["The matrix grows with the tokens of a run.", "grows with each token"];
      scene.textFitting(plot.x + 12, plot.y + 22, plot.width - 24, words, text.caption, color.muted);
      return;
    }
    this.turn(state, `${model.layer}/${model.mode === "head" ? model.head : model.mode}/${scale}`);
    const zoomed = this.zoom.window(state, model.length);
    const window = zoomed ?? wholeWindow(model.length);
    const cells = zoomed ? this.cellsOf(state, model, matrix, zoomed, scale, ui) : matrix;
    // A place for every device pixel: cells are joined where the screen could not show them apart.
    this.picture.paint(cells, window, scale, plot.width * scene.scale, model.length);
    const ready = this.isReady(matrix, model);
    this.drawMatrix(state, model, ready, now, ui);
    if (!ready && refusal !== "") {
      scene.textWithin(
        plot.x + 12,
        plot.y + plot.height - 14,
        plot.width - 24,
        refusal,
        text.caption,
        color.words,
      );
    }
    const pointed = this.pointed(ui);
    const axes = this.axesOf(model, pointed);
    scene.pushClip(plot.x, plot.y, plot.width, plot.height);
    drawPromptEnd(scene, axes, plot);
    this.drawRow(model, axes);
    scene.popClip();
    drawAxes(scene, state, axes, plot, place.labels, place.below);
    const cell = pointed ? this.cellAt(state, cells, pointed, axes) : null;
    const said = this.saidOf(state, model, matrix, cell ? axes.pointedQuery : -1);
    const label = labelUnder(state, axes, plot, place.labels, place.below, ui);
    const cut = drawReadout(scene, said, cell, plot, zoomed !== null, ui);
    this.whole = label === "" ? cut : [label];
    ui.hits.add("heat-cell", 0, plot.x, plot.y, plot.width, plot.height);
  }

  forget(): void {
    this.detail.forget();
  }

  pointer(event: HudPointerEvent, state: AppState, model: AttentionModel | null): boolean {
    if (!model || model.length === 0) return false;
    const { plot, picture, zoom } = this;
    if (event.type === "release" && !zoom.dragged) this.choose(event, state, model);
    else zoom.pointer(event, state, model.length, plot, picture.span);
    return true;
  }

  /** A click on a row pins the token that its query made; on the newest, follows on. */
  private choose(event: HudPointerEvent, state: AppState, model: AttentionModel): void {
    const { plot, picture } = this;
    const row = Math.floor(((event.y - plot.y) / plot.height) * picture.places);
    const query = Math.min(picture.query + (row + 1) * picture.joined, model.length) - 1;
    const step = stepAt(state, query);
    if (step !== null) stepSelected(state, query === model.length - 1 ? null : step);
  }

  /** Another matrix comes on show: what was there stays below it until it has faded in. */
  private turn(state: AppState, key: string): void {
    const runId = state.run?.started.run_id ?? "";
    if (runId !== this.runId) {
      // Another run is seen whole at first; but the first one may come with a link to a part.
      if (this.runId !== "") windowSet(state, null);
      this.runId = runId;
      this.before = false;
    } else if (key !== this.key) {
      this.front = 1 - this.front;
      this.before = true;
    }
    if (key !== this.key) this.fadedFrom = Number.NaN;
    this.key = key;
  }

  /** A row in view is there. */
  private isReady(matrix: AttentionMatrix, model: AttentionModel): boolean {
    return matrix.isKnown(model.query) || matrix.missing(model.length, 1)?.stop !== model.length;
  }

  private drawMatrix(state: AppState, model: AttentionModel, ready: boolean, now: number, ui: HudUi): void {
    const clock = now + ui.lag;
    if (ready && Number.isNaN(this.fadedFrom)) this.fadedFrom = clock;
    const fading =
      ui.reducedMotion || !this.before ? 1 : easeInOutCubic(progress(clock, this.fadedFrom, FADE));
    const shown = ready ? fading : 0;
    if (this.before && shown < 1) this.drawPicture(this.pictures[1 - this.front]!, ready ? 1 : 0.5);
    if (shown <= 0) return;
    if (shown >= 1) this.before = false;
    const newest = state.tokens.at(-1)?.arrived ?? 0;
    const wiped = ui.reducedMotion ? 1 : progress(now, newest, WIPE);
    const row = Math.floor((model.length - 1 - this.picture.query) / this.picture.joined);
    if (wiped < 1 && row > 0 && row < this.picture.places) this.drawWiped(this.picture, row, wiped);
    else this.drawPicture(this.picture, shown);
  }

  private drawPicture(picture: MatrixPicture, opacity: number): void {
    const { plot, scene } = this;
    if (picture.places === 0) return;
    const { heatRegion, places } = picture;
    scene.heatmap(plot.x, plot.y, plot.width, plot.height, heatRegion, places, places, heatGamma, opacity);
  }

  /** All rows but the newest, and of that what has come so far. */
  private drawWiped(picture: MatrixPicture, row: number, share: number): void {
    const { plot, scene } = this;
    const cell = plot.height / picture.places;
    const top = plot.y + row * cell;
    scene.pushClip(plot.x, plot.y, plot.width, row * cell);
    this.drawPicture(picture, 1);
    scene.popClip();
    scene.pushClip(plot.x, top, (row + 1) * cell * share, cell);
    this.drawPicture(picture, 1);
    scene.popClip();
  }

  private drawGround(plot: Rect): void {
    const { scene } = this;
    scene.hatch(plot.x, plot.y, plot.width, plot.height, GROUND, color.well, 7);
    outline(scene, plot, color.frame);
  }

  private drawBar(bar: Rect, scale: WeightScale): void {
    const { scene } = this;
    scene.heatmap(bar.x, bar.y, bar.width, bar.height, this.bar, 1, BAR_STEPS, heatGamma);
    outline(scene, bar, color.frame);
    const { at } = scene;
    for (let i = 0; i < NAMES.length; i++) {
      const name = i === 0 && scale !== "absolute" ? "max" : NAMES[i]!;
      at[0] = bar.x + bar.width + 3;
      at[1] = bar.y + (bar.height * i) / 4 + (i === 0 ? 8 : i === 4 ? 0 : 4);
      scene.textAt(name, text.caption, color.muted);
    }
  }

  /** The row on show, marked; those after a pinned one, veiled. */
  private drawRow(model: AttentionModel, axes: Axes): void {
    const { scene, plot } = this;
    const cell = plot.height / axes.places;
    const row = Math.floor((model.query - axes.query) / axes.joined);
    if (row < 0 || row >= axes.places) return;
    const top = plot.y + row * cell;
    const later = Math.floor((model.length - 1 - axes.query) / axes.joined) - row;
    if (later > 0) scene.rect(plot.x, top + cell, plot.width, later * cell, color.panel);
    const height = Math.max(3, cell);
    const wide = Math.min(
      plot.width,
      (model.query + 1 - axes.key) * (plot.width / (axes.places * axes.joined)),
    );
    const { at } = scene;
    at[0] = plot.x;
    at[1] = Math.round(top) - 1;
    at[2] = Math.max(wide, 3);
    at[3] = Math.round(height) + 2;
    scene.boxAt(ROW, color.attention, 1.25, glow.bracket, color.attention);
  }

  private axesOf(model: AttentionModel, pointed: { row: number; column: number } | null): Axes {
    const { axes } = this;
    const { query, key, places, joined } = this.picture;
    axes.query = query;
    axes.key = key;
    axes.places = places;
    axes.joined = joined;
    axes.chosen = model.query;
    axes.length = model.length;
    axes.prompt = model.prompt;
    axes.pointedQuery = pointed ? query + pointed.row * joined : -1;
    axes.pointedKey = pointed ? key + pointed.column * joined : -1;
    return axes;
  }

  /** The place under the pointer. */
  private pointed(ui: HudUi): { row: number; column: number } | null {
    const { plot, picture } = this;
    const column = Math.floor(((ui.pointerX - plot.x) / plot.width) * picture.places);
    const row = Math.floor(((ui.pointerY - plot.y) / plot.height) * picture.places);
    const inside = row >= 0 && column >= 0 && row < picture.places && column < picture.places;
    return inside ? { row, column } : null;
  }

  /** With a cell pointed at, what is said of a row is of that cell's. */
  private saidOf(
    state: AppState,
    model: AttentionModel,
    matrix: AttentionMatrix,
    query: number,
  ): AttentionModel {
    if (query < 0 || query === model.query) return model;
    const row = this.joined === 1 ? rowFacts(state, matrix, model.mode, query) : null;
    return { ...model, row };
  }

  /** Of a part in view: the matrix, or its exact cells where it is held joined and the part is small enough. */
  private cellsOf(
    state: AppState,
    model: AttentionModel,
    matrix: AttentionMatrix,
    window: MatrixWindow,
    scale: WeightScale,
    ui: HudUi,
  ): Cells {
    if (matrix.block === 1) return matrix;
    return this.detail.of(state, model, window, scale === "row", ui.host.ask) ?? matrix;
  }

  private cellAt(
    state: AppState,
    matrix: Cells,
    pointed: { row: number; column: number },
    axes: Axes,
  ): CellFacts | null {
    const { plot, scene } = this;
    const facts = cellFacts(state, matrix, axes.pointedQuery, axes.pointedKey, axes.joined);
    if (!facts) return null;
    const cell = plot.width / axes.places;
    const x = plot.x + pointed.column * cell;
    const y = plot.y + pointed.row * cell;
    const end = plot.y + plot.height;
    scene.rect(x + cell / 2, y + cell, 1, end - y - cell, fade(color.attention, 0.35));
    scene.rect(plot.x, y + cell / 2, x - plot.x, 1, fade(color.attention, 0.35));
    const side = Math.max(cell, 4);
    scene.box(x - 1, y - 1, side + 2, side + 2, color.clear, color.now, 1.25, glow.active, color.attention);
    return facts;
  }
}
