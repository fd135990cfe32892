import { optionSet, stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { labelAt, promptLength } from "../attention/tokens";
import { type Color, fade } from "../color";
import { count, percent, probability } from "../format";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { brackets, panel } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import { drawSwitch } from "../kit/switch";
import type { Rect } from "../layout";
import { stepAt } from "../moment_position";
import { clamp01, progress } from "../motion";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, glow, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { FlowFeed, type FlowMode, MODES } from "./flow_feed";
import {
  type FlowModel,
  type FlowPlaces,
  type FlowSource,
  flowModel,
  placesOf,
  thickest,
} from "./flow_model";
import { FlowMotion } from "./flow_motion";
import { drawDashes, drawRibbon } from "./flow_ribbon";
import {
  MODE_OPTION,
  modeOf,
  rememberThreshold,
  THRESHOLD_OPTION,
  THRESHOLDS,
  thresholdOf,
} from "./flow_settings";

const CONTROLS = 20;
const CAPTION = 18;
const FOOTER = 22;
const ROW = 17;
/** Between columns of the table at the left. */
const POSITION = 26;
const WEIGHT = 36;
const SLIDER = 0;
const NAMES = ["HEAD", "MEAN", "ROLLOUT"];

interface Geometry {
  readonly table: Rect;
  /** Where ribbons begin and end. */
  readonly left: number;
  readonly right: number;
  /** The query's box. */
  readonly target: Rect;
}

/** The attention flow: where the query that makes the next token looks. */
export class Flow implements InstrumentView {
  private readonly feed = new FlowFeed();
  private readonly motion = new FlowMotion();
  private readonly seen = new Seen();
  private model: FlowModel | null = null;
  private places: FlowPlaces | null = null;

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const mode = modeOf(state);
    const threshold = thresholdOf(state);
    this.feed.update(state, mode, now, ui.host);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, "ATTENTION FLOW", captions(state, mode));
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const x = rect.x + size.padding;
    const width = rect.width - 2 * size.padding;
    const top = rect.y + HEADING + 6;
    this.drawControls(x, top, width, mode, threshold, ui);
    const place = geometry(rect, x, top + CONTROLS + 4, width);
    this.follow(threshold, place, now, ui.reducedMotion);
    const { model } = this;
    ui.hits.add("plot", 0, place.table.x, place.table.y, width, place.table.height);
    if (!model) this.drawEmpty(state, mode, place, width);
    else this.drawFlow(state, model, place, now, ui);
    scene.popClip();
    if (model) this.point(state, model, place, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind === "title") return false;
    if (event.type === "wheel") {
      setThreshold(state, THRESHOLDS.indexOf(thresholdOf(state)) + (event.wheel < 0 ? 1 : -1));
      return true;
    }
    if (hit.kind === "slider") {
      if (event.type !== "press" && event.type !== "drag") return true;
      const share = clamp01((event.x - hit.x - 8) / (hit.width - 16));
      setThreshold(state, Math.round(share * (THRESHOLDS.length - 1)));
      return true;
    }
    if (event.type !== "press") return false;
    if (hit.kind === "button") {
      optionSet(state, MODE_OPTION, hit.value === 0 ? null : MODES[hit.value]!);
      return true;
    }
    if (hit.kind !== "position") return false;
    const step = stepAt(state, hit.value);
    if (step !== null) stepSelected(state, step);
    return true;
  }

  /** The picture of what the feed has, made anew when something in it has changed. */
  private follow(threshold: number, { table }: Geometry, now: number, reduced: boolean): void {
    const { feed, seen } = this;
    const most = Math.max(3, Math.floor(table.height / ROW) - 2);
    seen.begin();
    seen.value(feed.row);
    seen.value(threshold);
    const picture = seen.changed;
    seen.value(table.x);
    seen.value(table.y);
    seen.value(table.height);
    if (seen.changed) {
      this.model = feed.row ? flowModel(feed.row, threshold, most) : null;
      this.places = this.model && placesOf(this.model, table.y, table.height, ROW);
      if (this.model && this.places) this.motion.change(this.model, this.places, now);
    }
    if (reduced || (seen.changed && !picture)) this.motion.settle();
    this.motion.at(now);
  }

  private drawControls(
    x: number,
    y: number,
    width: number,
    mode: FlowMode,
    threshold: number,
    ui: HudUi,
  ): void {
    const { scene } = this;
    const used = drawSwitch(scene, ui.hits, 0, NAMES, MODES.indexOf(mode), x, y);
    const shown = `≥ ${Number((threshold * 100).toPrecision(3))} %`;
    scene.text(x + width, y + 13, shown, text.data, color.now, "right");
    const right = x + width - 48;
    const left = Math.max(x + used + 16, right - 96);
    const length = right - left;
    if (length < 24) return;
    const at = left + (length * THRESHOLDS.indexOf(threshold)) / (THRESHOLDS.length - 1);
    scene.rect(left, y + 8, length, 2, color.track);
    scene.rect(left, y + 8, at - left, 2, color.data);
    scene.circle(at, y + 9, 4, color.now, glow.active);
    ui.hits.add("slider", SLIDER, left - 8, y, length + 16, 18);
  }

  private drawEmpty(state: AppState, mode: FlowMode, { table }: Geometry, width: number): void {
    const { scene } = this;
    const lacks = state.model?.lacks.attention;
    const words = lacks ?? this.feed.refusal;
    const waiting =
      state.run && state.run.count > 0 ? "reading where it looked" : "where each token looks when it is made";
    const what = words || (mode === "rollout" ? `${waiting} · all layers` : waiting);
    scene.textWithin(table.x, table.y + 24, width, what, text.caption, color.muted);
  }

  private drawFlow(state: AppState, model: FlowModel, place: Geometry, now: number, ui: HudUi): void {
    const { scene } = this;
    const { table, left, right } = place;
    const y = table.y - 6;
    scene.text(table.x + POSITION, y, "pos", text.caption, color.muted, "right");
    scene.text(table.x + POSITION + WEIGHT + 6, y, "weight", text.caption, color.muted, "right");
    scene.text(left - 10, y, "source", text.caption, color.muted, "right");
    scene.pushClip(left, table.y - 4, right - left, table.height + 8);
    const { ribbons } = this.motion;
    for (const ribbon of ribbons) if (!ribbon.dominant) drawRibbon(scene, ribbon, left, right);
    for (const ribbon of ribbons) if (ribbon.dominant) drawRibbon(scene, ribbon, left, right);
    if (!ui.reducedMotion) for (const ribbon of ribbons) drawDashes(scene, ribbon, left, right, now);
    scene.popClip();
    model.sources.forEach((source, i) => {
      this.drawSource(state, source, i, place, ui);
    });
    this.drawTarget(state, model, place);
    this.drawFooter(model, place);
  }

  private drawSource(state: AppState, source: FlowSource, i: number, place: Geometry, ui: HudUi): void {
    const { scene } = this;
    const { table, left } = place;
    const y = this.places!.from[i]!;
    const baseline = Math.round(y) + 4;
    const paint = sourceColor(state, source);
    const thick = Math.max(2, source.weight * this.places!.unit);
    const stroke = source.dominant ? color.attention : source.kind === "token" ? color.now : color.muted;
    scene.rect(left - 5, y - thick / 2, 2, thick, stroke);
    if (source.dominant) {
      scene.gradient(
        table.x,
        y - 9,
        left - 6 - table.x,
        18,
        fade(color.attention, 0.02),
        fade(color.attention, 0.16),
      );
    }
    const weight = probability(source.weight);
    const ink = source.dominant ? color.attention : source.kind === "token" ? color.data : color.muted;
    scene.text(table.x + POSITION + WEIGHT + 6, baseline, weight, text.data, ink, "right");
    const room = left - 10 - (table.x + POSITION + WEIGHT + 14);
    if (source.kind === "token") {
      scene.text(table.x + POSITION, baseline, String(source.position), text.caption, color.muted, "right");
      const label = bare(labelAt(state, source.position));
      const width = Math.min(room, scene.measure(label, text.token));
      scene.textWithin(left - 10 - width, baseline, room, label, text.token, paint);
    } else {
      const words = source.kind === "sink" ? "sink" : `+ ${count(source.tokens)} others`;
      const width = Math.min(room, scene.measure(words, text.data));
      scene.textWithin(left - 10 - width, baseline, room, words, text.data, paint);
    }
    if (source.kind === "token") {
      ui.hits.add("position", source.position, table.x, y - ROW / 2, left - table.x, ROW);
    }
  }

  /** The query, and the token that it makes. */
  private drawTarget(state: AppState, { position }: FlowModel, { target, right }: Geometry): void {
    const { scene } = this;
    scene.text(
      target.x + target.width / 2,
      target.y - 8,
      "query → next",
      text.caption,
      color.muted,
      "center",
    );
    brackets(scene, target, 1, false, color.now);
    scene.rect(right, target.y + 2, 1, target.height - 4, fade(color.now, 0.7));
    const middle = target.y + target.height / 2;
    const query = quoted(labelAt(state, position));
    centred(scene, query, target, middle - 14, color.data);
    scene.text(target.x + target.width / 2, middle + 4, "↓", text.token, color.muted, "center");
    const next = position + 1 < promptLength(state) + (state.run?.count ?? 0);
    const made = next ? quoted(labelAt(state, position + 1)) : "…";
    centred(scene, made, target, middle + 22, next ? color.now : color.muted);
    scene.text(
      target.x + target.width / 2,
      target.y + target.height + 14,
      `pos ${count(position)}`,
      text.caption,
      color.muted,
      "center",
    );
  }

  private drawFooter({ shown, crowded }: FlowModel, { table, target }: Geometry): void {
    const y = table.y + table.height + FOOTER - 6;
    const right = target.x + target.width;
    this.scene.text(right, y, `Σ shown ${percent(shown)}`, text.data, color.data, "right");
    if (crowded === 0) return;
    const more = `${count(crowded)} more above the threshold have no room`;
    this.scene.textFitting(
      table.x,
      y,
      right - table.x - 120,
      [more, `${count(crowded)} more, no room`],
      text.caption,
      color.muted,
    );
  }

  /** Tells of the source under the pointer. */
  private point(state: AppState, model: FlowModel, { table, left }: Geometry, rect: Rect, ui: HudUi): void {
    const { pointerX: x, pointerY: y } = ui;
    if (!(x >= table.x && x < left && y >= table.y && y < table.y + table.height)) return;
    const { from } = this.places!;
    let nearest = -1;
    for (let i = 0; i < from.length; i++) {
      if (Math.abs(from[i]! - y) > ROW) continue;
      if (nearest < 0 || Math.abs(from[i]! - y) < Math.abs(from[nearest]! - y)) nearest = i;
    }
    const source = model.sources[nearest];
    if (!source) return;
    const within = { x: rect.x + 4, y: rect.y + 4, width: rect.width - 8, height: rect.height - 8 };
    callout(this.scene, x, y, factsOf(state, source), within);
  }
}

function geometry(rect: Rect, x: number, y: number, width: number): Geometry {
  const top = y + CAPTION;
  const table = { x, y: top, width, height: rect.y + rect.height - FOOTER - 10 - top };
  const names = Math.round(Math.min(Math.max(width * 0.22, 60), 170));
  const box = Math.round(Math.min(Math.max(width * 0.22, 70), 180));
  const left = x + POSITION + WEIGHT + 14 + names + 10;
  const height = Math.round(Math.min(Math.max(76, thickest(table.height) + 10), table.height));
  const target = {
    x: x + width - box,
    y: Math.round(table.y + (table.height - height) / 2),
    width: box,
    height,
  };
  return { table, left, right: target.x, target };
}

function captions(state: AppState, mode: FlowMode): string[] {
  const { layer, head } = state.selection;
  if (mode === "rollout") return ["rolled out through all layers", "all layers"];
  if (mode === "mean") {
    const heads = state.model?.n_head ?? 0;
    return [`L${layer} · mean of ${heads} heads`, `L${layer} · mean`];
  }
  return [`L${layer} · H${head} · softmax(QKᵀ/√d)`, `L${layer} · H${head}`];
}

function sourceColor(state: AppState, source: FlowSource): Color {
  if (source.kind !== "token") return color.muted;
  if (source.dominant) return color.attention;
  return source.position < promptLength(state) ? color.prompt : color.words;
}

function factsOf(state: AppState, source: FlowSource): string[] {
  const share = `weight ${source.weight.toFixed(4)}`;
  if (source.kind === "sink") return ["attention sink", share, "a learned place to look at nothing"];
  if (source.kind === "others") return [`${count(source.tokens)} other tokens`, `${share} together`];
  const prompt = promptLength(state);
  const { position } = source;
  const where = position < prompt ? "prompt" : `answer token ${position - prompt + 1}`;
  return [labelAt(state, position), share, `position ${position} · ${where}`];
}

function bare(label: string): string {
  return label.length > 1 && label.startsWith("·") ? label.slice(1) : label;
}

function quoted(label: string): string {
  return `"${bare(label)}"`;
}

function centred(scene: Scene, words: string, { x, width }: Rect, y: number, paint: Color): void {
  const room = width - 12;
  const used = Math.min(room, scene.measure(words, text.token));
  scene.textWithin(x + (width - used) / 2, y, room, words, text.token, paint);
}

function setThreshold(state: AppState, index: number): void {
  const value = THRESHOLDS[Math.min(Math.max(index, 0), THRESHOLDS.length - 1)]!;
  optionSet(state, THRESHOLD_OPTION, String(value));
  rememberThreshold(value);
}

export const flow: Instrument = {
  id: "flow",
  title: "ATTENTION FLOW",
  short: "FLOW",
  parts: ["attention"],
  minimum: { width: 320, height: 260 },
  attention: (state) =>
    modeOf(state) === "head" && (state.model?.n_head ?? 0) > 0
      ? [[state.selection.layer, state.selection.head]]
      : [],
  create: (scene) => new Flow(scene),
};
