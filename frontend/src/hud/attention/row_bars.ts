import type { AppState } from "../../state/state";
import { fade } from "../color";
import { niceCeiling, probability } from "../format";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import type { HudUi } from "../ui";
import type { AttentionModel } from "./attention_model";
import type { RowWeights } from "./row_weights";
import { axisLabel } from "./tokens";

const CAPTION = 18;
/** Room for the names, ten letters of them where the plot above stays high enough. */
const LABELS = 56;
const WHOLE_LABELS = 74;
const ROOMY = 140;
const AXIS = 26;
/** Keys named below their bars, at most; the strongest first. */
const MOST_NAMES = 16;
const LINE = 11;

/** Bars of a row, joined where there are more keys than room. */
export interface Bars {
  readonly heights: Float32Array;
  /** Keys to a bar. */
  readonly joined: number;
  /** Index of the highest. */
  readonly highest: number;
  /** Top of the scale. */
  readonly top: number;
}

export function barsOf({ weights, joined }: RowWeights, room: number): Bars {
  const most = Math.max(1, Math.floor(room / 2));
  const each = Math.ceil(weights.length / most);
  const heights = new Float32Array(Math.ceil(weights.length / each));
  let highest = 0;
  for (let i = 0; i < weights.length; i++) {
    const bar = Math.floor(i / each);
    heights[bar] = Math.max(heights[bar]!, weights[i]!);
    if (heights[bar]! > heights[highest]!) highest = bar;
  }
  return { heights, joined: each * joined, highest, top: Math.min(1, niceCeiling(heights[highest] ?? 1)) };
}

/** The strongest bars that can be named without their names touching. */
export function namedBars({ heights, top }: Bars, step: number): number[] {
  const order = [...heights.keys()].sort((a, b) => heights[b]! - heights[a]!);
  const chosen: number[] = [];
  for (const bar of order.slice(0, 4 * MOST_NAMES)) {
    if (heights[bar]! < 0.02 * top || chosen.length === MOST_NAMES) break;
    if (chosen.every((other) => Math.abs(other - bar) * step >= LINE)) chosen.push(bar);
  }
  return chosen;
}

/** The bar of the name that stands `along` the plot: a name is wider than its bar may be. */
function named(bars: Bars, step: number, along: number): number | undefined {
  return namedBars(bars, step).find((bar) => Math.abs((bar + 0.5) * step + 1 - along) <= LINE / 2);
}

/** The row on show as bars over its keys, on an absolute scale. */
export function drawRowBars(
  scene: Scene,
  state: AppState,
  model: AttentionModel,
  row: RowWeights | null,
  rect: Rect,
  { pointerX, pointerY }: HudUi,
): void {
  const title = state.selection.step === null ? "NEWEST ROW" : "ROW";
  if (!row) {
    caption(scene, rect.x, rect.y + 10, rect.width, title, "");
    return;
  }
  const labels = rect.height >= ROOMY ? WHOLE_LABELS : LABELS;
  const plot = {
    x: rect.x,
    y: rect.y + CAPTION + 4,
    width: rect.width - AXIS,
    height: rect.height - CAPTION - 4 - labels,
  };
  const bars = barsOf(row, plot.width);
  const how = bars.joined > 1 ? ` · max of ${bars.joined}` : "";
  const note = `weight of each of ${model.query + 1} keys · absolute 0 – ${short(bars.top)}${how}`;
  caption(scene, rect.x, rect.y + 10, rect.width, title, note);
  drawScale(scene, plot, bars.top);
  drawBars(scene, state, model, bars, plot, labels);
  const step = plot.width / bars.heights.length;
  if (!(pointerY >= rect.y && pointerY < rect.y + rect.height)) return;
  const along = pointerX - plot.x;
  const name = pointerY < plot.y + plot.height ? undefined : named(bars, step, along);
  drawPointed(scene, state, bars, name ?? Math.floor(along / step), plot);
}

function drawScale(scene: Scene, plot: Rect, top: number): void {
  for (let i = 0; i <= 4; i++) {
    const y = Math.round(plot.y + (plot.height * i) / 4);
    scene.rect(plot.x, y, plot.width, 1, color.rule);
    if (i === 4 || (i % 2 === 1 && plot.height < 80)) continue;
    scene.text(plot.x + plot.width + 4, y + 4, short(top * (1 - i / 4)), text.caption, color.muted);
  }
}

function drawBars(
  scene: Scene,
  state: AppState,
  model: AttentionModel,
  bars: Bars,
  plot: Rect,
  labels: number,
): void {
  const { heights, joined, highest, top } = bars;
  const step = plot.width / heights.length;
  const wide = Math.max(1, Math.min(10, step * 0.72));
  const base = plot.y + plot.height;
  const at = (bar: number): number => plot.x + (bar + 0.5) * step;
  const end = model.prompt / joined;
  if (end < heights.length) {
    const x = Math.round(plot.x + end * step) + 0.5;
    scene.dashes(x, plot.y, x, base, 1, fade(color.data, 0.4), 2, 3);
    if (x - plot.x > 60) scene.text(x - 6, plot.y + 12, "prompt", text.caption, color.muted, "right");
    if (plot.x + plot.width - x > 60) scene.text(x + 6, plot.y + 12, "answer", text.caption, color.muted);
  }
  for (let bar = 0; bar < heights.length; bar++) {
    const tall = Math.max(1, (heights[bar]! / top) * plot.height);
    const lit = heights[bar]! > 0.25 * top;
    const paint = bar === highest ? color.attention : fade(color.data, lit ? 1 : 0.55);
    const x = at(bar) - wide / 2;
    if (lit) scene.box(x, base - tall, wide, tall, paint, color.clear, 0, glow.active, paint);
    else scene.rect(x, base - tall, wide, tall, paint);
  }
  for (const bar of namedBars(bars, step)) {
    const label = scene.cut(labels - 8, axisLabel(state, bar * joined), text.caption);
    const paint = bar === highest ? color.attention : bar < end ? color.prompt : color.settled;
    scene.at[0] = at(bar) - 3;
    scene.at[1] = base + 6;
    scene.textDownAt(label, text.caption, paint);
  }
}

function drawPointed(scene: Scene, state: AppState, bars: Bars, bar: number, plot: Rect): void {
  const weight = bars.heights[bar];
  if (weight === undefined) return;
  const step = plot.width / bars.heights.length;
  const x = Math.round(plot.x + (bar + 0.5) * step);
  scene.rect(x, plot.y, 1, plot.height, fade(color.now, 0.3));
  const words = `"${axisLabel(state, bar * bars.joined)}" ${probability(weight)}`;
  const right = x > plot.x + plot.width / 2;
  // Beside its bar, but whole.
  const wide = scene.measure(words, text.data);
  const left = right ? x - 6 - wide : Math.min(x + 6, plot.x + plot.width - wide);
  scene.text(Math.max(left, plot.x), plot.y + 26, words, text.data, color.now);
}

function short(value: number): string {
  if (value >= 1) return "1";
  return value === 0 ? "0" : Number(value.toPrecision(2)).toString().slice(1);
}
