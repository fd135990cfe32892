import { fade } from "./color";
import { caption } from "./kit/heading";
import { signalMeter, stackedBar } from "./kit/meter";
import type { Rect } from "./layout";
import type { MonitorModel } from "./monitor_model";
import type { Scene } from "./scene";
import { color, text } from "./theme";

export const GAUGES_HEIGHT = 50;
/** Of weights, cache, compute buffers and the rest. */
const PARTS = [color.data, color.prompt, fade(color.prompt, 0.55), fade(color.data, 0.25)];
const GAP = 16;

/** The KV cache and the memory, side by side. */
export function drawGauges(scene: Scene, { cache, memory }: MonitorModel, rect: Rect): void {
  const width = Math.floor((rect.width - GAP) / 2);
  const paint = cache.nearlyFull ? color.attention : color.data;
  const bar = rect.y + 18;
  const note = rect.y + 43;
  caption(scene, rect.x, rect.y + 12, width, "KV CACHE", cache.cells);
  signalMeter(scene, rect.x, bar, width, 11, cache.share, Math.floor(width / 4), paint);
  scene.textFitting(rect.x, note, width, cache.notes, text.caption, color.muted);
  const right = rect.x + width + GAP;
  caption(scene, right, rect.y + 12, width, "MEMORY", memory.total);
  stackedBar(scene, right, bar, width, 11, memory.shares, PARTS);
  scene.textFitting(right, note, width, memory.notes, text.caption, color.muted);
}
