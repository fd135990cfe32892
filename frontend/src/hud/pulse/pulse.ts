import { shown } from "../../state/moment";
import { headSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { LayerActivation } from "../../telemetry/protocol.gen";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { panel } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import type { Scene } from "../scene";
import { Scrolled } from "../scrolled";
import { Seen } from "../seen";
import { color, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { FocusMarks } from "./focus_marks";
import { drawFooter } from "./pulse_footer";
import {
  type Decades,
  type PulseModel,
  pulseAt,
  pulseModel,
  scaleNames,
  tokenOfPass,
  USUAL,
  widen,
} from "./pulse_model";
import { type Columns, layColumns, layRows, type Rows, rowAt } from "./pulse_rows";
import { drawHeads, drawRows, type Pass } from "./pulse_table";

const FOOTER = 24;
const TITLES = 16;

/**
 * The network pulse: a row per layer with the norms of what it added to the residual stream. With each token a
 * light runs down the rows in the time that the token took; below it the rows still show the token before.
 */
class Pulse implements InstrumentView {
  private event: LayerActivation | null = null;
  private model: PulseModel | null = null;
  /** The token before: kept here, since the state holds the newest only. */
  private before: PulseModel | null = null;
  private scale: Decades = USUAL;
  private named: Decades | null = null;
  private captions: readonly string[] = [];
  /** In a replay: what the scale is of, as far back as counts. */
  private seen: { readonly model: PulseModel; readonly at: number }[] = [];
  private run = "";
  private readonly focus: FocusMarks;
  private rows: Rows = layRows(0, 0, 0, 0);
  private columns: Columns | null = null;
  private readonly laid = new Seen();
  /** Row at the top, before it is held to those there are. */
  private first = 0;
  private readonly scrolled = new Scrolled("pulse.first");
  private selected = -1;

  constructor(private readonly scene: Scene) {
    this.focus = new FocusMarks(scene);
  }

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    this.follow(state);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, pulse.title, this.captionsOf(this.scale));
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + 4;
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    if (this.model)
      this.drawModel(state, this.model, { ...inner, y: top, height: inner.y + inner.height - top }, now, ui);
    else this.drawEmpty(state, { ...inner, y: top });
    scene.popClip();
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (event.type === "wheel" && this.rows.limit > 0) {
      const to = this.rows.first + Math.sign(event.wheel) * 3;
      this.first = Math.min(Math.max(to, 0), this.rows.limit);
      return true;
    }
    if (hit.kind !== "layer" || (event.type !== "press" && event.type !== "drag")) return false;
    const row = rowAt(this.rows, event.y);
    if (row >= 0 && this.model) headSelected(state, this.model.layer[row]!, state.selection.head);
    return true;
  }

  /** Put into words only where the scale is another. */
  private captionsOf(scale: Decades): readonly string[] {
    if (scale !== this.named) this.captions = scaleNames(scale);
    this.named = scale;
    return this.captions;
  }

  private drawModel(state: AppState, model: PulseModel, body: Rect, now: number, ui: HudUi): void {
    const { scene, focus } = this;
    const columns = this.layOut(model.count, body);
    this.scroll(state, model);
    this.layOut(model.count, body);
    const pass = this.passAt(state, model, now, ui);
    drawHeads(scene, columns, body.y + 11, focus.headsPerMark);
    drawRows(scene, state, this.rows, columns, this.scale, pass, now);
    focus.draw(this.rows, columns, pass);
    const over =
      ui.pointerX >= body.x && ui.pointerX < body.x + body.width ? rowAt(this.rows, ui.pointerY) : -1;
    const end = this.rows.y + this.rows.shown * this.rows.pitch;
    ui.hits.add("layer", 0, body.x, this.rows.y, body.width, end - this.rows.y);
    drawFooter(scene, state, pass, over, { ...body, y: body.y + body.height - FOOTER + 4, height: FOOTER });
  }

  /** Where rows and columns stand: found anew only where the room is another, or what has to fit. */
  private layOut(count: number, { x, y, width, height }: Rect): Columns {
    const { laid } = this;
    const marks = this.focus.columns;
    laid.begin();
    laid.value(count);
    laid.value(x);
    laid.value(y);
    laid.value(width);
    laid.value(height);
    laid.value(marks);
    laid.value(this.first);
    if (laid.changed || !this.columns) {
      this.columns = layColumns(x, width, marks);
      this.rows = layRows(count, y + TITLES, height - FOOTER - TITLES, this.first);
    }
    return this.columns;
  }

  /** A layer that was selected elsewhere comes into view, but where a link says what is in view. */
  private scroll(state: AppState, model: PulseModel): void {
    const { scrolled, rows } = this;
    const { layer } = state.selection;
    const row = model.layer.indexOf(layer);
    // In view from the first row on, or in the middle: there it comes on a page that nobody has scrolled.
    const home = row < rows.shown ? 0 : Math.min(row - Math.floor(rows.shown / 2), rows.limit);
    const linked = scrolled.follow(state);
    if (linked) this.first = scrolled.value ?? home;
    else if (layer !== this.selected && row >= 0 && (row < rows.first || row >= rows.first + rows.shown))
      this.first = row - Math.floor(rows.shown / 2);
    this.selected = layer;
    const first = Math.min(Math.max(this.first, 0), rows.limit);
    scrolled.set(state, rows.limit === 0 || first === home ? null : first);
  }

  /** Which of two tokens each row shows, and where the light is. */
  private passAt(state: AppState, model: PulseModel, now: number, ui: HudUi): Pass {
    const row = tokenOfPass(state, model.position);
    const still = ui.reducedMotion || state.selection.step !== null || !row;
    const passed = still ? model.count : pulseAt(row, model.count, now);
    return {
      model,
      before: this.before ?? model,
      passed,
      arrived: row?.arrived ?? now,
      seconds: still ? 0 : row.event.decode_seconds,
    };
  }

  private drawEmpty(state: AppState, body: Rect): void {
    const said = state.model?.lacks.layer_out ?? "norms of each layer's attention, MLP and output";
    this.scene.textWithin(body.x, body.y + 18, body.width, said, text.data, color.muted);
  }

  observe(state: AppState, now: number): void {
    if (this.follow(state) && this.model) this.seen.push({ model: this.model, at: now });
  }

  forget(before: number): void {
    this.seen = this.seen.filter(({ at }) => at >= before);
    this.scale = this.seen.reduce((scale, { model }) => widen(scale, model), USUAL);
    if (before < Number.POSITIVE_INFINITY) return;
    this.run = "";
    this.focus.forget();
  }

  /** Takes what is new in the state; true if anything was. */
  private follow(state: AppState): boolean {
    const run = state.run?.started.run_id ?? "";
    if (run !== this.run) {
      this.run = run;
      this.before = null;
      this.model = null;
      this.event = null;
      this.scale = USUAL;
    }
    const moment = shown(state);
    const event = moment.layers;
    this.focus.follow(moment.heads, state);
    if (event === this.event) return false;
    this.event = event;
    this.before = event && this.model && this.model.count === event.layer.data.length ? this.model : null;
    this.model = event ? pulseModel(event) : null;
    if (this.model) this.scale = widen(this.scale, this.model);
    return true;
  }
}

export const pulse: Instrument = {
  id: "pulse",
  title: "NETWORK PULSE",
  short: "PULSE",
  parts: ["layers", "heads"],
  minimum: { width: 352, height: 240 },
  create: (scene) => new Pulse(scene),
};
