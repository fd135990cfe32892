import { shown } from "../state/moment";
import { stepSelected } from "../state/reduce";
import type { AppState } from "../state/state";
import type { Hit } from "./hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "./instrument";
import { panel } from "./kit/frame";
import { caption, HEADING, heading } from "./kit/heading";
import { inset, type Rect } from "./layout";
import { drawChoice } from "./monitor_choice";
import { drawEntropy } from "./monitor_entropy";
import { drawGauges } from "./monitor_gauges";
import { columnLayout, type MonitorLayout, WIDE, wideColumn, wideLayout } from "./monitor_layout";
import { LONG_TASKS, type MonitorModel, monitorModel } from "./monitor_model";
import { drawStatus, drawTask, statusHeight, TASK_HEIGHT } from "./monitor_status";
import { drawStream, streamColumns } from "./monitor_stream";
import type { MonitorUi } from "./monitor_ui";
import { progress } from "./motion";
import { PlaceIn } from "./place_in";
import { RunText } from "./run_text";
import type { Scene } from "./scene";
import { Seen } from "./seen";
import { motion, size, text, threshold } from "./theme";
import { BarMotion } from "./token_motion";
import type { HudUi } from "./ui";

const GAP = 8;
const SURPRISE = `underlined: rank > ${threshold.surprisingRank}`;

/** What the heading leaves of the panel; in a wide one the status stands over the text alone. */
interface Body {
  readonly rect: Rect;
  readonly wide: boolean;
  readonly top: Rect;
}

function bodyOf(panel: Rect): Body {
  const inner = inset(panel, size.padding);
  const y = panel.y + HEADING + GAP;
  const rect = { ...inner, y, height: inner.y + inner.height - y };
  const wide = rect.width >= WIDE;
  return { rect, wide, top: wide ? { ...rect, width: wideColumn(rect) } : rect };
}

/** The Inference Monitor. Holds only what can be made again from the state: its model and the wrapped text. */
export class Monitor implements InstrumentView {
  private model: MonitorModel | null = null;
  private readonly seen = new Seen();
  private readonly runText: RunText;
  private readonly springs = new BarMotion();
  private readonly bodyIn = new PlaceIn(bodyOf);
  private readonly placedIn = new Seen();
  private placed: MonitorLayout | null = null;

  constructor(private readonly scene: Scene) {
    this.runText = new RunText((cluster) => scene.columns(cluster, text.token));
  }

  draw(state: AppState, rect: Rect, now: number, ui: MonitorUi): void {
    const { scene } = this;
    const model = this.modelOf(state);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, "INFERENCE MONITOR", model.captions);
    const body = this.bodyIn.of(rect);
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const place = this.placeIn(body, this.drawTop(model, body.top, now, ui), ui.topCount);
    this.drawText(state, model, place, now, ui);
    drawChoice(scene, state, model, place.choice, place.rows, place.row, now, ui, this.springs);
    if (place.entropy) drawEntropy(scene, state, model, place.entropy, now, ui);
    if (place.gauges) drawGauges(scene, model, place.gauges);
    scene.popClip();
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState, ui: HudUi): boolean {
    if (event.type === "wheel" && (hit.kind === "stream" || hit.kind === "token")) {
      const lines = ui.scroll - event.wheel / size.streamRow;
      ui.scroll = Math.min(ui.scrollLimit, Math.max(0, lines));
      ui.sought = null;
      return true;
    }
    if (event.type !== "press") return false;
    if (hit.kind === "top-count") ui.host.toggleTopCount();
    else if (hit.kind === "token" || hit.kind === "entropy") pin(state, hit.value);
    else return false;
    return true;
  }

  /** Where the sections stand below the status: made anew only when the room or its division has changed. */
  private placeIn(body: Body, top: number, wanted: number): MonitorLayout {
    const { placedIn } = this;
    placedIn.begin();
    placedIn.value(body);
    placedIn.value(top);
    placedIn.value(wanted);
    if (placedIn.changed || !this.placed) {
      this.placed = (body.wide ? wideLayout : columnLayout)(body.rect, top, wanted);
    }
    return this.placed;
  }

  /** Status and tasks; returns where they end. */
  private drawTop(model: MonitorModel, body: Rect, now: number, ui: MonitorUi): number {
    const height = statusHeight(this.scene, model.status, body.width);
    drawStatus(this.scene, model, body, height, now, ui.reducedMotion);
    let y = body.y + height + GAP;
    for (let i = 0; i < model.tasks.length; i++) {
      drawTask(this.scene, model.tasks[i]!, body.x, y, body.width, ui.reducedMotion ? 0 : now);
      y += TASK_HEIGHT;
    }
    return y;
  }

  private drawText(
    state: AppState,
    model: MonitorModel,
    place: MonitorLayout,
    now: number,
    ui: MonitorUi,
  ): void {
    const { stream: rect, type } = place;
    const note = state.tokens.length > 0 ? SURPRISE : "";
    caption(this.scene, rect.x, rect.y + 12, rect.width, "TOKEN STREAM", note);
    const stream = this.runText.follow(state, streamColumns(this.scene, rect.width, type));
    drawStream(this.scene, state, model, stream, type, place.text, now, ui);
  }

  /** The model of `state`, made anew only when something in it has changed. */
  private modelOf(state: AppState): MonitorModel {
    const { seen } = this;
    seen.begin();
    seen.value(state.run);
    seen.value(state.run?.count);
    seen.value(state.run?.state);
    seen.value(state.run?.prefill);
    seen.value(state.tokens.at(-1));
    seen.value(shown(state).row);
    seen.value(state.selection.step);
    seen.value(state.model);
    seen.value(state.vocabulary);
    seen.value(shown(state).cache);
    seen.value(shown(state).pinned);
    seen.value(shown(state).memory);
    seen.value(state.problem);
    seen.value(state.connection);
    for (let i = 0; i < LONG_TASKS.length; i++) seen.value(state.progress.get(LONG_TASKS[i]!));
    if (seen.changed || !this.model) this.model = monitorModel(state);
    return this.model;
  }
}

/** Shows the moment of a step; a second press on it, or one on the newest, goes back to now. */
function pin(state: AppState, step: number): void {
  const newest = state.tokens.at(-1)?.event.step;
  stepSelected(state, step === newest || step === state.selection.step ? null : step);
}

export const monitor: Instrument = {
  id: "monitor",
  title: "INFERENCE MONITOR",
  short: "MONITOR",
  parts: ["cache", "memory"],
  minimum: { width: 352, height: 380 },
  create: (scene) => new Monitor(scene),
};
