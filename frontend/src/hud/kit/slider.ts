import type { Hits } from "../hits";
import { clamp01 } from "../motion";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";

/** A choice of one of `count` whole values from 0. */
export interface Slider {
  readonly label: string;
  readonly value: number;
  readonly count: number;
  /** Number of its hit region. */
  readonly id: number;
}

const NUMBER = 22;
const GAP = 10;

/** Label, track, knob and number on one line of `width`; `y` is its middle. The track answers as "slider". */
export function drawSlider(
  scene: Scene,
  hits: Hits,
  slider: Slider,
  x: number,
  y: number,
  width: number,
): void {
  const { label, value, count, id } = slider;
  const named = scene.text(x, y + 4, label, text.label, color.muted);
  const left = Math.round(x + named + GAP);
  const length = Math.max(20, Math.round(width - named - 2 * GAP - NUMBER));
  scene.rect(left, y - 1, length, 2, color.track);
  const most = Math.max(count - 1, 1);
  if (length / most >= 4) {
    for (let i = 0; i < count; i++)
      scene.rect(Math.round(left + (i / most) * length), y + 4, 1, 2, color.frame);
  }
  const at = Math.round(left + clamp01(value / most) * length);
  scene.rect(left, y - 1, at - left, 2, color.data);
  scene.circle(at, y, 4, color.now, glow.active);
  scene.text(x + width, y + 4, value.toString(), text.data, color.now, "right");
  hits.add("slider", id, left - 8, y - 10, length + 16, 20);
}

/** The value a pointer at `x` means, on the region that the slider registered. */
export function sliderValue(region: { x: number; width: number }, x: number, count: number): number {
  const share = clamp01((x - region.x - 8) / Math.max(region.width - 16, 1));
  return Math.round(share * Math.max(count - 1, 0));
}
