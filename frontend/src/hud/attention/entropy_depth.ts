import type { HeadSummary } from "../../telemetry/protocol.gen";
import { fade } from "../color";
import { caption } from "../kit/heading";
import { type Plot, plotY } from "../kit/sparkline";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size, text } from "../theme";
import type { AttentionModel } from "./attention_model";

const CAPTION = 18;
const AXIS = 16;
const LEFT = 20;

/** Entropy of a layer's heads: NaN where it has none. */
export interface Depth {
  readonly least: number;
  readonly mean: number;
  readonly greatest: number;
}

/** Over the heads that a layer has. */
export function depthOf({ entropy }: HeadSummary, layer: number, heads: number): Depth {
  let [least, greatest, sum, count] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let head = 0; head < heads; head++) {
    const nats = entropy.data[layer * heads + head]!;
    if (Number.isNaN(nats)) continue;
    least = Math.min(least, nats);
    greatest = Math.max(greatest, nats);
    sum += nats;
    count++;
  }
  if (count === 0) return { least: Number.NaN, mean: Number.NaN, greatest: Number.NaN };
  return { least, mean: sum / count, greatest };
}

/** How the entropy of attention goes with depth: the mean of each layer's heads, between the least and greatest. */
export function drawDepth(
  scene: Scene,
  summary: HeadSummary | null,
  model: AttentionModel,
  rect: Rect,
): void {
  const note = "line: mean of heads · band: least to greatest · nats";
  caption(scene, rect.x, rect.y + 10, rect.width, "ENTROPY BY LAYER", note);
  if (!summary || model.layers === 0) return;
  const high = Math.max(1, Math.ceil(Math.log(summary.position + 1)));
  const height = rect.height - CAPTION - AXIS;
  const plot: Plot = {
    x: rect.x + LEFT,
    y: rect.y + CAPTION,
    width: rect.width - LEFT,
    height,
    low: 0,
    high,
  };
  for (let value = 0; value <= high; value += high > 5 ? 2 : 1) {
    const y = Math.round(plotY(plot, value));
    scene.rect(plot.x, y, plot.width, 1, color.rule);
    scene.text(plot.x - 6, y + 4, value.toString(), text.caption, color.muted, "right");
  }
  drawBand(scene, summary, model, plot);
  drawChosen(scene, summary, model, plot);
}

function drawBand(scene: Scene, summary: HeadSummary, { layers, heads }: AttentionModel, plot: Plot): void {
  const at = (layer: number): number => plot.x + ((layer + 0.5) / layers) * plot.width;
  const edge = fade(color.data, 0.3);
  let before: Depth | null = null;
  for (let layer = 0; layer < layers; layer++) {
    const depth = depthOf(summary, layer, heads);
    if (Number.isNaN(depth.mean)) before = null;
    else if (before) {
      const [x0, x1] = [at(layer - 1), at(layer)];
      const y = (value: number): number => plotY(plot, value);
      // The band is what lies between its edges: slices, since its lower edge is not level.
      slices(scene, x0, x1, y(before.greatest), y(depth.greatest), y(before.least), y(depth.least));
      scene.line(x0, y(before.greatest), x1, y(depth.greatest), 1, edge);
      scene.line(x0, y(before.least), x1, y(depth.least), 1, edge);
      scene.line(x0, y(before.mean), x1, y(depth.mean), size.dataLine, color.data, glow.bracket);
    }
    if (!Number.isNaN(depth.mean)) before = depth;
  }
}

function slices(scene: Scene, x0: number, x1: number, t0: number, t1: number, b0: number, b1: number): void {
  const count = Math.max(1, Math.min(8, Math.ceil((x1 - x0) / 4)));
  const paint = fade(color.data, 0.1);
  for (let i = 0; i < count; i++) {
    const [from, to] = [i / count, (i + 1) / count];
    const middle = (from + to) / 2;
    const top = t0 + (t1 - t0) * middle;
    const bottom = b0 + (b1 - b0) * middle;
    scene.rect(x0 + (x1 - x0) * from, top, (x1 - x0) / count, Math.max(bottom - top, 1), paint);
  }
}

function drawChosen(scene: Scene, summary: HeadSummary, model: AttentionModel, plot: Plot): void {
  const { layer, head, layers, heads, mode } = model;
  const x = plot.x + ((layer + 0.5) / layers) * plot.width;
  scene.dashes(
    Math.round(x) + 0.5,
    plot.y,
    Math.round(x) + 0.5,
    plot.y + plot.height,
    1,
    fade(color.attention, 0.5),
    2,
    3,
  );
  const one = summary.entropy.data[layer * heads + head]!;
  const nats = mode === "head" ? one : depthOf(summary, layer, heads).mean;
  if (!Number.isNaN(nats)) {
    const y = plotY(plot, nats);
    scene.circle(x, y, 3, color.attention, glow.active);
    const right = x > plot.x + plot.width * 0.8;
    const words = `${mode === "head" ? `H${head}` : "mean"} ${nats.toFixed(2)}`;
    scene.text(x + (right ? -8 : 8), y - 6, words, text.data, color.attention, right ? "right" : "left");
  }
  const every = [1, 2, 5, 10, 20].find((step) => (step * plot.width) / layers >= 26) ?? 50;
  for (let i = 0; i < layers; i++) {
    if (i !== layer && (i % every !== 0 || Math.abs(i - layer) * (plot.width / layers) < 18)) continue;
    const paint = i === layer ? color.attention : color.muted;
    const middle = plot.x + ((i + 0.5) / layers) * plot.width;
    scene.text(middle, plot.y + plot.height + 13, i.toString(), text.caption, paint, "center");
  }
}
