import { fade } from "../color";
import { count, niceCeiling, percent } from "../format";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import type { ExpertsModel, Load } from "./experts_model";

const CAPTION = 18;
const AXIS = 34;
const BELOW = 14;

/** How the load of one layer is spread over its experts: a bar each, and a line at the fair share. */
export function drawLoad(
  scene: Scene,
  model: ExpertsModel,
  row: number,
  load: Load,
  area: Rect,
  pointed: number,
): void {
  const { x, y, width, height } = area;
  const { experts } = model;
  const tokens = `${count(load.tokens)} tokens`;
  const spread = `L${model.layers[row]!} · CV ${load.variation.toFixed(2)} · by lot ${load.chance.toFixed(2)}`;
  const unused = load.unused > 0 ? ` · ${count(load.unused)} unused` : "";
  caption(scene, x, y + 11, width, "LOAD", `${spread}${unused} · ${tokens}`);
  const plot = { x, y: y + CAPTION, width: width - AXIS, height: height - CAPTION - BELOW };
  scene.rect(plot.x, plot.y, plot.width, plot.height, color.well);
  const fair = 1 / experts;
  const top = niceCeiling(
    Math.max(
      load.shares.reduce((most, share) => Math.max(most, share), 0),
      2 * fair,
    ),
  );
  const level = (share: number): number => plot.y + plot.height * (1 - share / top);
  const step = plot.width / experts;
  const gap = step >= 5 ? 2 : step >= 3 ? 1 : 0;
  const now = new Set(model.chosen[row]!.map(({ expert }) => expert));
  for (let i = 0; i < experts; i++) {
    const share = load.shares[i]!;
    const left = plot.x + i * step;
    if (i === pointed) scene.rect(left, plot.y, step, plot.height, fade(color.data, 0.12));
    if (share === 0) continue;
    const up = level(share);
    const wide = Math.max(step - gap, 0.75);
    const on = now.has(i);
    const paint = on ? color.now : color.data;
    const base = plot.y + plot.height;
    scene.gradient(
      left,
      up,
      wide,
      base - up,
      fade(color.data, on ? 0.75 : 0.5),
      fade(color.data, 0.12),
      true,
    );
    scene.box(left, up, wide, 2, paint, color.clear, 0, on ? glow.active : glow.none, color.data);
  }
  const even = Math.round(level(fair)) + 0.5;
  scene.dashes(plot.x, even, plot.x + plot.width, even, 1, color.words, 4, 3);
  const right = x + width;
  scene.text(right, plot.y + 8, percent(top), text.caption, color.muted, "right");
  if (even - plot.y > 18 && plot.y + plot.height - even > 6) {
    scene.text(right, even + 4, "fair", text.caption, color.words, "right");
  }
  drawNumbers(scene, plot, experts, step);
}

/** Every so many experts by number. */
function drawNumbers(scene: Scene, plot: Rect, experts: number, step: number): void {
  const every = [1, 2, 4, 8, 16, 32, 64, 128].find((n) => n * step >= 24) ?? 128;
  for (let i = 0; i < experts; i += every) {
    const x = plot.x + (i + 0.5) * step;
    scene.text(x, plot.y + plot.height + 11, String(i), text.caption, color.muted, "center");
  }
}
