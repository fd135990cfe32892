import { optionSet, stepSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { panel } from "../kit/frame";
import { heading } from "../kit/heading";
import { drawSwitch } from "../kit/switch";
import type { Rect } from "../layout";
import { stepAt } from "../moment_position";
import { clamp01, progress } from "../motion";
import { choose } from "../options";
import { PlaceIn } from "../place_in";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, glow, motion, text } from "../theme";
import type { HudUi } from "../ui";
import { FlowFeed, type FlowMode, MODES } from "./flow_feed";
import { type FlowModel, type FlowPlaces, flowModel, placesOf } from "./flow_model";
import { FlowMotion } from "./flow_motion";
import { type FlowPlace, flowPlace } from "./flow_place";
import { drawDashes, drawRibbon } from "./flow_ribbon";
import {
  FIRST,
  MODE_OPTION,
  modeOf,
  OPTIONS,
  rememberThreshold,
  THRESHOLD_OPTION,
  THRESHOLDS,
  thresholdOf,
  withoutFirst,
} from "./flow_settings";
import { drawFooter, drawSources, drawTarget, factsOf } from "./flow_table";

const SLIDER = 0;
const FIRST_BUTTON = 10;
/** By the room there is. */
/** A switch of one word each: the first that has room. */
const FIRST_WORDS = [["WITHOUT THE FIRST TOKEN"], ["WITHOUT FIRST TOKEN"], ["SKIP FIRST"], ["−1ST"]];
const SHARES = THRESHOLDS.map((threshold) => `≥ ${Number((threshold * 100).toPrecision(3))} %`);
const NAMES = ["HEAD", "MEAN", "ROLLOUT"];

/** The attention flow: where the query that makes the next token looks. */
export class Flow implements InstrumentView {
  private readonly feed = new FlowFeed();
  private readonly motion = new FlowMotion();
  private readonly seen = new Seen();
  private readonly said = new Seen();
  private captions: readonly string[] = [];
  private readonly placeIn = new PlaceIn(flowPlace);
  private place: FlowPlace | null = null;
  private model: FlowModel | null = null;
  private places: FlowPlaces | null = null;

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const mode = modeOf(state);
    const threshold = thresholdOf(state);
    this.feed.update(state, mode, now + ui.lag, ui.host);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, "ATTENTION FLOW", this.captionsOf(state, mode));
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const place = this.placeIn.of(rect);
    this.place = place;
    const { table } = place;
    this.drawControls(place.controls, mode, threshold, ui);
    const first = withoutFirst(state);
    this.drawFirst(place, first, ui);
    // In a replay rows of the stream are taken in as they come; what is new here was asked for, and cuts.
    this.follow(threshold, first, place, now, ui.reducedMotion || ui.replay);
    const { model, places } = this;
    ui.hits.add("plot", 0, table.x, table.y, table.width, table.height);
    if (model && places) {
      this.drawRibbons(place, now, ui.reducedMotion);
      drawSources(scene, state, model, places, place, ui.hits);
      drawTarget(scene, state, model, place);
      drawFooter(scene, model, place);
    } else this.drawEmpty(state, table);
    scene.popClip();
    if (model && places) this.point(state, model, places, place, rect, ui);
  }

  /** Put into words only where something else is shown. */
  private captionsOf(state: AppState, mode: FlowMode): readonly string[] {
    const { said } = this;
    said.begin();
    said.value(mode);
    said.value(state.selection.layer);
    said.value(state.selection.head);
    said.value(state.model);
    if (said.changed) this.captions = captions(state, mode);
    return this.captions;
  }

  observe(state: AppState, now: number, ui: HudUi): void {
    const mode = modeOf(state);
    if (mode !== "head" || !this.place) return;
    this.feed.update(state, mode, now + ui.lag, ui.host);
    this.follow(thresholdOf(state), withoutFirst(state), this.place, now, ui.reducedMotion);
  }

  forget(before: number): void {
    if (before < Number.POSITIVE_INFINITY) return;
    this.feed.forget();
    this.motion.clear();
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
      if (hit.value === FIRST_BUTTON) choose(state, FIRST, withoutFirst(state) ? "in" : "out");
      else optionSet(state, MODE_OPTION, hit.value === 0 ? null : MODES[hit.value]!);
      return true;
    }
    if (hit.kind !== "position") return false;
    // To the moment at which that token was the query itself: the flow can be followed back through the text.
    const step = stepAt(state, hit.value);
    if (step !== null) stepSelected(state, step);
    return true;
  }

  /** The picture of what the feed has, made anew when something in it has changed. */
  private follow(threshold: number, first: boolean, place: FlowPlace, now: number, still: boolean): void {
    const { feed, seen } = this;
    const { table, row } = place;
    seen.begin();
    seen.value(feed.row);
    seen.value(threshold);
    seen.value(first);
    const picture = seen.changed;
    seen.value(place);
    if (seen.changed) {
      const most = Math.max(3, Math.floor(table.height / row) - 2);
      this.model = feed.row ? flowModel(feed.row, threshold, most, first) : null;
      this.places = this.model && placesOf(this.model, table.y, table.height, row);
      // From where the ribbons are by now, drawn or not.
      this.motion.at(now);
      if (this.model && this.places) this.motion.change(this.model, this.places, now);
    }
    if (seen.changed && (still || !picture)) this.motion.settle();
    this.motion.at(now);
  }

  private drawControls({ x, y, width }: Rect, mode: FlowMode, threshold: number, ui: HudUi): void {
    const { scene } = this;
    const used = drawSwitch(scene, ui.hits, 0, NAMES, MODES.indexOf(mode), x, y);
    const shown = SHARES[THRESHOLDS.indexOf(threshold)]!;
    scene.text(x + width, y + 13, shown, text.data, color.now, "right");
    const right = x + width - 52;
    const left = Math.max(x + used + 16, right - 96);
    const length = right - left;
    if (length < 24) return;
    const at = left + (length * THRESHOLDS.indexOf(threshold)) / (THRESHOLDS.length - 1);
    scene.rect(left, y + 8, length, 2, color.track);
    scene.rect(left, y + 8, at - left, 2, color.data);
    scene.circle(at, y + 9, 4, color.now, glow.active);
    ui.hits.add("slider", SLIDER, left - 8, y, length + 16, 18);
  }

  /** Above the ribbons, and above the query's box where that stands lower: leaves out the first token. */
  private drawFirst({ left, right, table, target }: FlowPlace, first: boolean, ui: HudUi): void {
    const { scene } = this;
    const end = target.y >= table.y + 24 ? table.x + table.width : right - 4;
    const room = end - left - 4;
    let i = 0;
    while (i < FIRST_WORDS.length && scene.measure(FIRST_WORDS[i]![0]!, text.label) + 14 > room) i++;
    const words = FIRST_WORDS[i];
    if (!words) return;
    const width = scene.measure(words[0]!, text.label) + 14;
    const x = Math.max(left + 4, Math.min((left + right - width) / 2, end - width));
    drawSwitch(scene, ui.hits, FIRST_BUTTON, words, first ? 0 : -1, x, table.y - 20);
  }

  private drawEmpty(state: AppState, { x, y, width }: Rect): void {
    const reading =
      state.run && state.run.count > 0 ? "reading where it looked" : "where each token looks when it is made";
    const words = state.model?.lacks.attention ?? (this.feed.refusal || reading);
    this.scene.textWithin(x, y + 24, width, words, text.caption, color.muted);
  }

  /** The strongest over the others, and dashes over all. */
  private drawRibbons({ left, right, table }: FlowPlace, now: number, reduced: boolean): void {
    const { scene } = this;
    const { ribbons } = this.motion;
    scene.pushClip(left, table.y - 4, right - left, table.height + 8);
    for (const ribbon of ribbons) if (!ribbon.dominant) drawRibbon(scene, ribbon, left, right);
    for (const ribbon of ribbons) if (ribbon.dominant) drawRibbon(scene, ribbon, left, right);
    if (!reduced) for (const ribbon of ribbons) drawDashes(scene, ribbon, left, right, now);
    scene.popClip();
  }

  /** Tells of the source under the pointer. */
  private point(
    state: AppState,
    model: FlowModel,
    { from }: FlowPlaces,
    { table, left, row }: FlowPlace,
    rect: Rect,
    ui: HudUi,
  ): void {
    const { pointerX: x, pointerY: y } = ui;
    if (!(x >= table.x && x < left && y >= table.y && y < table.y + table.height)) return;
    let nearest = -1;
    for (let i = 0; i < from.length; i++) {
      if (Math.abs(from[i]! - y) > row) continue;
      if (nearest < 0 || Math.abs(from[i]! - y) < Math.abs(from[nearest]! - y)) nearest = i;
    }
    const source = model.sources[nearest];
    if (!source) return;
    const within = { x: rect.x + 4, y: rect.y + 4, width: rect.width - 8, height: rect.height - 8 };
    callout(this.scene, x, y, factsOf(state, source), within);
  }
}

function captions(state: AppState, mode: FlowMode): string[] {
  const { layer, head } = state.selection;
  if (mode === "rollout") return ["rollout through all layers", "all layers"];
  if (mode === "head") return [`L${layer} · H${head} · softmax(QKᵀ/√d)`, `L${layer} · H${head}`];
  return [`L${layer} · mean of ${state.model?.n_head ?? 0} heads`, `L${layer} · mean`];
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
  options: OPTIONS,
  attention: (state) =>
    modeOf(state) === "head" && (state.model?.n_head ?? 0) > 0
      ? [[state.selection.layer, state.selection.head]]
      : [],
  create: (scene) => new Flow(scene),
};
