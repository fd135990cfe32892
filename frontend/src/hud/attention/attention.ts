import type { AttentionMatrix } from "../../state/attention_matrix";
import { shown } from "../../state/moment";
import { headSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { panel } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import { drawSlider, sliderValue } from "../kit/slider";
import { drawSwitch } from "../kit/switch";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import { choose } from "../options";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { type AttentionLayout, attentionLayout } from "./attention_layout";
import { type AttentionModel, attentionModel, captions } from "./attention_model";
import { MODE, MODES, modeOf, SCALE, SCALES, scaleOf } from "./attention_settings";
import { drawCallout } from "./callout";
import { drawDepth } from "./entropy_depth";
import { MatrixPlot } from "./matrix_plot";
import { MatrixRequests } from "./matrix_request";
import { Multiples } from "./multiples";
import { Overview } from "./overview";
import { drawRowBars } from "./row_bars";
import { type RowWeights, rowOnShow } from "./row_weights";

const GAP = 8;
const LAYER_SLIDER = 0;
const HEAD_SLIDER = 1;
const SCALE_BUTTONS = 10;
const MODE_WORDS = MODES.map((mode) => mode.toUpperCase());
const SCALE_WORDS = ["ABSOLUTE γ 0.4", "PER ROW γ 0.4"];
const SCALE_WORDS_SHORT = ["ABS γ 0.4", "ROW γ 0.4"];

/** Where a head looks: its weights as a matrix, and all heads of the model at a glance. */
class Attention implements InstrumentView {
  private model: AttentionModel | null = null;
  private readonly seen = new Seen();
  private readonly plot: MatrixPlot;
  private readonly overview: Overview;
  /** Made when there is room for it: most cockpits have none. */
  private multiples: Multiples | null = null;
  private row: RowWeights | null = null;
  private rowMatrix: AttentionMatrix | null = null;
  private rowRevision = -1;
  private rowQuery = -1;
  private readonly requests = new MatrixRequests("attention");
  private readonly placedIn = new Seen();
  private place: AttentionLayout | null = null;
  private readonly said = new Seen();
  private captions: readonly string[] = [];

  constructor(private readonly scene: Scene) {
    this.plot = new MatrixPlot(scene);
    this.overview = new Overview(scene);
  }

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const model = this.modelOf(state);
    const matrix = this.matrixOf(state, model, ui);
    panel(scene, rect, ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw));
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + GAP;
    if (model.absent) this.drawAbsent(model, inner, top);
    else this.drawParts(state, model, matrix, this.placeIn(inner, top, model.heads), now, ui);
    heading(scene, rect, attention.title, this.captionsOf(state, model));
    scene.popClip();
    const { whole } = this.plot;
    if (!model.absent && whole.length > 0) drawCallout(scene, whole, ui.pointerX, ui.pointerY, rect);
  }

  /** Where the parts stand: found anew only where the room is another, or the heads. */
  private placeIn({ x, y, width, height }: Rect, top: number, heads: number): AttentionLayout {
    const { placedIn } = this;
    placedIn.begin();
    placedIn.value(x);
    placedIn.value(top);
    placedIn.value(width);
    placedIn.value(y + height);
    placedIn.value(heads);
    if (placedIn.changed || !this.place) {
      this.place = attentionLayout({ x, y: top, width, height: y + height - top }, heads);
    }
    return this.place;
  }

  private captionsOf(state: AppState, model: AttentionModel): readonly string[] {
    const { said, plot } = this;
    const part = plot.zoom.window(state, model.length)?.span ?? 0;
    said.begin();
    said.value(model);
    said.value(plot.joined);
    said.value(part);
    if (said.changed) this.captions = captions(model, plot.joined, part);
    return this.captions;
  }

  forget(before: number): void {
    if (before < Number.POSITIVE_INFINITY) return;
    this.requests.forget();
    this.plot.forget();
    this.multiples?.forget();
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    const { selection, model } = state;
    if (!model) return false;
    if (hit.kind === "heat-cell") return this.plot.pointer(event, state, this.model);
    if (event.type !== "press" && event.type !== "drag") return false;
    if (hit.kind === "head") {
      const named = hit.value >= 0 ? { layer: hit.value >> 16, head: hit.value & 0xffff } : null;
      const at = named ?? this.overview.at(event.x, event.y);
      if (at) headSelected(state, at.layer, at.head);
      return true;
    }
    if (hit.kind === "slider") {
      const layers = hit.value === LAYER_SLIDER;
      const value = sliderValue(hit, event.x, layers ? model.n_layer : model.n_head);
      headSelected(state, layers ? value : selection.layer, layers ? selection.head : value);
      return true;
    }
    if (hit.kind !== "button" || event.type !== "press") return false;
    if (hit.value < SCALE_BUTTONS) choose(state, MODE, MODES[hit.value] ?? "");
    else choose(state, SCALE, SCALES[hit.value - SCALE_BUTTONS] ?? "");
    return true;
  }

  private drawParts(
    state: AppState,
    model: AttentionModel,
    matrix: AttentionMatrix | null,
    place: AttentionLayout,
    now: number,
    ui: HudUi,
  ): void {
    this.plot.draw(state, model, matrix, scaleOf(state), place, now, ui, this.requests.refusal);
    this.drawControls(state, place, model, ui);
    const moment = shown(state);
    // Of a pinned token, nothing rather than another moment's.
    const late = state.selection.step !== null && moment.heads?.position !== model.query;
    const heads = late ? null : moment.heads;
    const { hits, host } = ui;
    if (place.row) this.drawRow(state, model, matrix, place.row, ui);
    if (place.multiples) {
      this.multiples ??= new Multiples(this.scene);
      this.multiples.draw(state, heads, model, place.multiples, now + ui.lag, hits, host.ask);
    }
    if (place.overview) this.overview.draw(state, heads, model, place.overview, hits);
    if (place.depth) drawDepth(this.scene, heads, model, place.depth);
  }

  ask(state: AppState, ui: HudUi): void {
    this.matrixOf(state, this.modelOf(state), ui);
  }

  private drawRow(
    state: AppState,
    model: AttentionModel,
    matrix: AttentionMatrix | null,
    rect: Rect,
    ui: HudUi,
  ): void {
    if (
      matrix &&
      (matrix !== this.rowMatrix || matrix.revision !== this.rowRevision || model.query !== this.rowQuery)
    ) {
      this.row = rowOnShow(state, model, matrix);
      this.rowMatrix = matrix;
      this.rowRevision = matrix.revision;
      this.rowQuery = model.query;
    }
    drawRowBars(this.scene, state, model, matrix ? this.row : null, rect, ui);
  }

  private drawControls(state: AppState, place: AttentionLayout, model: AttentionModel, ui: HudUi): void {
    const { scene } = this;
    const { sliders, switches } = place;
    const half = (sliders.width - 20) / 2;
    const y = sliders.y + sliders.height / 2;
    const layers = { label: "LAYER", value: model.layer, count: model.layers, id: LAYER_SLIDER };
    const heads = { label: "HEAD", value: model.head, count: model.heads, id: HEAD_SLIDER };
    drawSlider(scene, ui.hits, layers, sliders.x, y, half);
    drawSlider(scene, ui.hits, heads, sliders.x + half + 20, y, half);
    if (!switches) return;
    const top = switches.y + 4;
    const used = drawSwitch(scene, ui.hits, 0, MODE_WORDS, MODES.indexOf(model.mode), switches.x, top);
    const scales = switches.width - used > 250 ? SCALE_WORDS : SCALE_WORDS_SHORT;
    let room = -4;
    for (let i = 0; i < scales.length; i++) room += Math.ceil(scene.measure(scales[i]!, text.label)) + 18;
    const left = switches.x + switches.width - room;
    drawSwitch(scene, ui.hits, SCALE_BUTTONS, scales, SCALES.indexOf(scaleOf(state)), left, top);
  }

  private drawAbsent(model: AttentionModel, inner: Rect, top: number): void {
    this.scene.textWithin(inner.x, top + 16, inner.width, model.absent, text.caption, color.muted);
  }

  /** The matrix on show; asks for the rows it lacks. */
  private matrixOf(state: AppState, model: AttentionModel, ui: HudUi): AttentionMatrix | null {
    if (model.absent || model.length === 0) return null;
    const matrix = state.attentionHistory.use(model.layer, model.head, model.mode);
    this.requests.ask(state, model.layer, model.head, model.mode, model.length, ui.host.ask);
    return matrix;
  }

  private modelOf(state: AppState): AttentionModel {
    const { seen } = this;
    const mode = modeOf(state);
    const { layer, head, step } = state.selection;
    seen.begin();
    seen.value(state.run);
    seen.value(state.run?.count);
    seen.value(state.model);
    seen.value(state.vocabulary);
    seen.value(shown(state).heads);
    seen.value(state.attentionHistory.get(layer, head, mode)?.revision);
    seen.value(layer);
    seen.value(head);
    seen.value(step);
    seen.value(mode);
    if (seen.changed || !this.model) this.model = attentionModel(state, mode);
    return this.model;
  }
}

export const attention: Instrument = {
  id: "attention",
  title: "ATTENTION",
  short: "ATTN",
  parts: ["attention", "heads"],
  minimum: { width: 320, height: 300 },
  options: [MODE, SCALE],
  attention: ({ selection }) => [[selection.layer, selection.head]],
  create: (scene) => new Attention(scene),
};
