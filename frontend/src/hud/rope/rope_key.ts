import { HEAT_EDGE, type HeatRegion, type HeatStore } from "../heat_store";
import { outline } from "../kit/frame";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import { MAP_GAMMA, shade } from "./rope_map";

const STEPS = 32;
const WIDTH = 56;

/** The map's scale, from -1 to 1. */
export function writeKey(store: HeatStore): HeatRegion {
  const region = store.region(STEPS, 1);
  for (let i = 0; i < STEPS; i++) {
    store.values[region.y * HEAT_EDGE + region.x + i] = shade((2 * i) / (STEPS - 1) - 1);
  }
  store.touch(region, 0, 1);
  return region;
}

/** The scale between its ends, its right end at `right`. Returns the width. */
export function drawMapKey(scene: Scene, key: HeatRegion, right: number, y: number): number {
  const baseline = y + 13;
  const high = scene.text(right, baseline, "1", text.caption, color.muted, "right") + 5;
  const bar = { x: right - high - WIDTH, y: y + 5, width: WIDTH, height: 8 };
  scene.heatmap(bar.x, bar.y, bar.width, bar.height, key, STEPS, 1, MAP_GAMMA);
  outline(scene, bar, color.frame);
  const low = scene.text(bar.x - 5, baseline, "−1", text.caption, color.muted, "right") + 5;
  return high + WIDTH + low;
}
