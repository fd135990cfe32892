import type { AppState } from "../state/state";
import { panel } from "./kit/frame";
import { caption, HEADING, heading } from "./kit/heading";
import { inset, type Rect } from "./layout";
import { choiceHeight, drawChoice } from "./monitor_choice";
import { drawEntropy } from "./monitor_entropy";
import { drawGauges, GAUGES_HEIGHT } from "./monitor_gauges";
import { type MonitorModel, monitorModel } from "./monitor_model";
import { drawStatus, drawTask, statusHeight, TASK_HEIGHT } from "./monitor_status";
import { drawStream, streamColumns } from "./monitor_stream";
import type { MonitorUi } from "./monitor_ui";
import { progress } from "./motion";
import { RunText } from "./run_text";
import type { Scene } from "./scene";
import { motion, size, text } from "./theme";
import { BarMotion } from "./token_motion";

const LEAST_STREAM = 128;
const GAP = 8;
const WIDE = 880;
const STREAM_CAPTION = 20;

/** The Inference Monitor. Holds only what can be made again from the state: its model and the wrapped text. */
export class Monitor {
  private model: MonitorModel | null = null;
  private readonly seen: unknown[] = [];
  private readonly runText: RunText;
  private readonly springs = new BarMotion();

  constructor(private readonly scene: Scene) {
    this.runText = new RunText((cluster) => scene.columns(cluster, text.token));
  }

  draw(state: AppState, rect: Rect, now: number, ui: MonitorUi): void {
    const { scene } = this;
    const model = this.modelOf(state);
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, "INFERENCE MONITOR", model.caption);
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + GAP;
    const body = { x: inner.x, y: top, width: inner.width, height: inner.y + inner.height - top };
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    if (body.width >= WIDE) this.drawWide(state, model, body, now, ui);
    else this.drawColumn(state, model, body, now, ui);
    scene.popClip();
  }

  private drawColumn(state: AppState, model: MonitorModel, body: Rect, now: number, ui: MonitorUi): void {
    const roomy = body.height > 640;
    const row = roomy ? 17 : 14;
    const entropy = roomy ? 96 : 78;
    const used = this.drawTop(model, body, now, ui);
    const fixed = used + STREAM_CAPTION + GAP + entropy + GAUGES_HEIGHT;
    const rows = candidateRows(ui.topCount, body.height - fixed - LEAST_STREAM, row);
    const stream = body.height - fixed - choiceHeight(rows, row);
    let y = body.y + used;
    this.drawText(
      state,
      model,
      { x: body.x, y, width: body.width, height: STREAM_CAPTION + stream },
      now,
      ui,
    );
    y += STREAM_CAPTION + stream + GAP;
    const choice = { x: body.x, y, width: body.width, height: choiceHeight(rows, row) };
    drawChoice(this.scene, state, model, choice, rows, row, now, ui, this.springs);
    y += choice.height;
    drawEntropy(this.scene, state, model, { x: body.x, y, width: body.width, height: entropy }, now, ui);
    y += entropy;
    drawGauges(this.scene, model, { x: body.x, y, width: body.width, height: GAUGES_HEIGHT });
  }

  /** Text on the left, numbers on the right: the monitor alone on the screen. */
  private drawWide(state: AppState, model: MonitorModel, body: Rect, now: number, ui: MonitorUi): void {
    const left = Math.floor(body.width * 0.52);
    const used = this.drawTop(model, { ...body, width: left }, now, ui);
    const box = { x: body.x, y: body.y + used, width: left, height: body.height - used };
    this.drawText(state, model, box, now, ui);
    const x = body.x + left + 2 * size.gutter;
    const width = body.x + body.width - x;
    const row = 18;
    const entropy = Math.max(100, Math.floor(body.height * 0.26));
    const rows = candidateRows(ui.topCount, body.height - entropy - GAUGES_HEIGHT - GAP, row);
    const height = choiceHeight(rows, row);
    drawChoice(this.scene, state, model, { x, y: body.y, width, height }, rows, row, now, ui, this.springs);
    const rest = body.height - height - GAUGES_HEIGHT - GAP;
    drawEntropy(this.scene, state, model, { x, y: body.y + height, width, height: rest }, now, ui);
    drawGauges(this.scene, model, { x, y: body.y + height + rest + GAP, width, height: GAUGES_HEIGHT });
  }

  /** Status and tasks; returns the height they took. */
  private drawTop(model: MonitorModel, body: Rect, now: number, ui: MonitorUi): number {
    const height = statusHeight(this.scene, model.status, body.width);
    drawStatus(this.scene, model, { ...body, height }, now, ui.reducedMotion);
    let used = height + GAP;
    for (const task of model.tasks) {
      drawTask(this.scene, task, body.x, body.y + used, body.width, ui.reducedMotion ? 0 : now);
      used += TASK_HEIGHT;
    }
    return used;
  }

  private drawText(state: AppState, model: MonitorModel, rect: Rect, now: number, ui: MonitorUi): void {
    const note = "underlined: rank > 10";
    caption(this.scene, rect.x, rect.y + 12, rect.width, "TOKEN STREAM", state.tokens.length > 0 ? note : "");
    const box = { ...rect, y: rect.y + STREAM_CAPTION, height: rect.height - STREAM_CAPTION };
    const stream = this.runText.follow(state, streamColumns(this.scene, rect.width));
    drawStream(this.scene, state, model, stream, box, now, ui);
  }

  /** The model of `state`, made anew only when something in it has changed. */
  private modelOf(state: AppState): MonitorModel {
    let same = this.model !== null;
    let i = 0;
    const compare = (value: unknown): void => {
      if (this.seen[i] !== value) same = false;
      this.seen[i++] = value;
    };
    compare(state.run);
    compare(state.run?.count);
    compare(state.run?.state);
    compare(state.run?.prefill);
    compare(state.tokens.at(-1));
    compare(state.selection.step);
    compare(state.model);
    compare(state.vocabulary);
    compare(state.cache);
    compare(state.memory);
    compare(state.problem);
    compare(state.connection);
    for (const task of ["load", "download", "positions", "prefill"] as const)
      compare(state.progress.get(task));
    if (!same) this.model = monitorModel(state);
    return this.model!;
  }
}

/** As many candidates as asked for, and as there is room for. */
function candidateRows(wanted: number, room: number, row: number): number {
  const fits = Math.floor((room - choiceHeight(0, row)) / row);
  return Math.max(1, Math.min(wanted, fits));
}
