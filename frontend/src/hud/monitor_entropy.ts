import type { AppState } from "../state/state";
import { caption } from "./kit/heading";
import { levels, type Plot, sparkline } from "./kit/sparkline";
import type { Rect } from "./layout";
import { CAPTION } from "./monitor_choice";
import type { MonitorModel } from "./monitor_model";
import { toneColor } from "./monitor_status";
import type { MonitorUi } from "./monitor_ui";
import { easeOutCubic, progress } from "./motion";
import type { Scene } from "./scene";
import { color, text, threshold } from "./theme";

const AXIS = 14;
const FINEST_STEP = 3;
const COARSEST_STEP = 6;
const SLIDE = 0.12;
const LIGHT = 5;

/** How sure the model is: the entropy as a number, as a count of tokens, as a word, and its history. */
export function drawEntropy(
  scene: Scene,
  state: AppState,
  { entropy }: MonitorModel,
  rect: Rect,
  now: number,
  ui: MonitorUi,
): void {
  caption(scene, rect.x, rect.y + 12, rect.width, "ENTROPY", entropy?.note ?? "nats");
  const number = Math.round(Math.min(Math.max(rect.width * 0.32, 118), 148));
  const top = rect.y + CAPTION;
  const height = rect.height - CAPTION;
  const plot: Plot = {
    x: rect.x + number,
    y: top + 3,
    width: rect.width - number - AXIS,
    height: height - 6,
    low: 0,
    high: entropy?.top ?? 6,
  };
  scene.rect(plot.x, plot.y, plot.width, plot.height, color.well);
  const axis = rect.x + rect.width;
  levels(scene, plot, plot.high > 8 ? 4 : 2, axis);
  if (!entropy) {
    const empty = "how uncertain each token is";
    scene.textWithin(rect.x, top + 20, number - 8, "H", text.number, color.muted);
    scene.textWithin(plot.x + 8, top + 18, plot.width - 16, empty, text.caption, color.muted);
    return;
  }
  const paint = toneColor[entropy.tone];
  const middle = top + Math.round((height - 52) / 2);
  const taken = scene.text(rect.x, middle + 24, entropy.shown, text.number, paint);
  scene.text(rect.x + taken + 6, middle + 24, "nats", text.caption, color.muted);
  scene.text(rect.x, middle + 39, entropy.tokens, text.data, color.data);
  scene.text(rect.x, middle + 53, entropy.verdict, text.data, paint);
  drawHistory(scene, state, entropy.history, plot, now, ui);
}

function drawHistory(
  scene: Scene,
  state: AppState,
  history: Float32Array,
  plot: Plot,
  now: number,
  ui: MonitorUi,
): void {
  const room = plot.width - 6;
  // Coarse while there are few, so that a young run is legible; never finer than a line can show.
  const step = Math.min(COARSEST_STEP, Math.max(FINEST_STEP, room / Math.max(history.length - 1, 1)));
  const places = Math.min(history.length, Math.floor(room / step) + 1);
  const newest = state.tokens.at(-1);
  const slid = newest && !ui.reducedMotion ? easeOutCubic(progress(now, newest.arrived, SLIDE)) : 1;
  const first = history.length - places;
  // The newest value's light has room at the right.
  const shift = (first > 0 ? (1 - slid) * step : 0) - LIGHT;
  scene.pushClip(plot.x, plot.y - 8, plot.width + 8, plot.height + 16);
  sparkline(scene, plot, history, first, places, step, threshold.uncertain, shift);
  scene.popClip();
  const last = newest?.event.step ?? 0;
  const right = plot.x + plot.width - LIGHT;
  for (let back = 0; back < places; back++) {
    ui.hits.add("entropy", last - back, right - (back + 0.5) * step, plot.y, step, plot.height);
  }
  const pinned = state.selection.step;
  if (pinned !== null && last - pinned < places) {
    const x = Math.round(right - (last - pinned) * step);
    scene.dashes(x + 0.5, plot.y, x + 0.5, plot.y + plot.height, 1, color.attention, 3, 2);
  }
}
