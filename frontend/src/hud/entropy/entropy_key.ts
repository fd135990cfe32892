import { HEAT_EDGE, type HeatRegion } from "../heat_store";
import { outline } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import { ENTROPY_GAMMA, half } from "./entropy_map";

const STEPS = 64;

/** The scale as a strip of its own colours, from focused to even. */
export class Key {
  readonly region: HeatRegion;

  constructor(scene: Scene) {
    this.region = scene.heat.region(STEPS, 1);
    const { x, y } = this.region;
    for (let i = 0; i < STEPS; i++) scene.heat.values[y * HEAT_EDGE + x + i] = half(1 - i / (STEPS - 1));
    scene.heat.touch(this.region, 0, 1);
  }
}

/** The strip between its ends: 0 is at one token only, the other all alike. */
export function drawKey(scene: Scene, key: Key, rect: Rect, end: string): void {
  const baseline = rect.y + 13;
  const from = scene.text(rect.x, baseline, "0", text.caption, color.muted) + 6;
  const to = scene.text(rect.x + rect.width, baseline, end, text.caption, color.muted, "right") + 6;
  const note = "brightness (1 − x)^2.1";
  const noted = scene.measure(note, text.caption) + 12;
  const room = rect.width - from - to;
  const width = room - noted >= 70 ? room - noted : room;
  const bar = { x: rect.x + from, y: rect.y + 5, width, height: 8 };
  scene.heatmap(bar.x, bar.y, bar.width, bar.height, key.region, STEPS, 1, ENTROPY_GAMMA);
  outline(scene, bar, color.frame);
  if (width < room) {
    scene.text(rect.x + rect.width - to - 4, baseline, note, text.caption, color.muted, "right");
  }
}
