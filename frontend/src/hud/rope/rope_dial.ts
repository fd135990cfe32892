import { type Color, fade } from "../color";
import { circleFrame } from "../kit/frame";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow } from "../theme";
import type { Pairs } from "./rotation";

const TURN = 2 * Math.PI;
/** Innermost ring, as a share of the outermost. */
const HUB = 0.14;
/** Radians between two points of the spiral. */
const FINENESS = 0.13;
const MOST_SEGMENTS = 360;

export interface Dial {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

export function dialIn(rect: Rect): Dial {
  const radius = Math.floor(Math.min(rect.width, rect.height) / 2) - 8;
  return { x: rect.x + rect.width / 2, y: rect.y + rect.height / 2, radius };
}

/** Radius of a pair's ring: the fastest outside, the slowest inside. */
export function ringRadius(dial: Dial, pair: number, count: number): number {
  return dial.radius * (1 - ((1 - HUB) * pair) / Math.max(count - 1, 1));
}

/** The pair whose ring is under a point; -1 outside. */
export function ringAt(dial: Dial, count: number, x: number, y: number): number {
  const distance = Math.hypot(x - dial.x, y - dial.y) / dial.radius;
  const pair = Math.round(((1 - distance) / (1 - HUB)) * Math.max(count - 1, 1));
  return distance <= 1.04 && pair >= 0 && pair < count ? pair : -1;
}

/** A pair that came round takes the colour of data, one that has not yet a darker one, one that never will is grey. */
export function pairColor(wavelength: number, position: number, context: number): Color {
  if (wavelength <= position) return color.data;
  return wavelength <= context ? color.prompt : color.muted;
}

/**
 * Every pair as a hand on its own ring, clockwise from the top, and the spiral on which they lie: the angle
 * p base^(-2i/d) falls as i goes inwards. Where it falls by more than a turn between two pairs, the spiral would
 * be a fancy, and is left out. A light behind each hand is how far the last token turned it.
 */
export function drawDial(
  scene: Scene,
  dial: Dial,
  pairs: Pairs,
  wavelengths: Float64Array,
  position: number,
  context: number,
  pointed: number,
  drawn: number,
): void {
  const { count, frequency } = pairs;
  circleFrame(scene, dial.x, dial.y, dial.radius + 6, drawn);
  for (let part = 0; part < 3; part++) {
    const radius = ringRadius(dial, ((count - 1) * part) / 2, count);
    scene.arc(dial.x, dial.y, radius, 1, 0, TURN, fade(color.frame, 0.7));
  }
  scene.line(dial.x, dial.y - dial.radius * HUB, dial.x, dial.y - dial.radius - 4, 1, color.rule);
  drawSpiral(scene, dial, pairs, position);
  const dot = Math.min(2.5, Math.max(1.2, (dial.radius * (1 - HUB)) / count / 1.8));
  for (let i = 0; i < count; i++) {
    const radius = ringRadius(dial, i, count);
    const angle = frequency[i]! * position;
    const paint = pairColor(wavelengths[i]!, position, context);
    const swept = Math.min(frequency[i]!, TURN);
    if (position > 0 && swept * radius > 1.5) {
      const from = (((angle - swept) % TURN) + TURN) % TURN;
      scene.arc(dial.x, dial.y, radius, 1.5, from, swept, fade(paint, 0), 0, 0, 0, fade(paint, 0.75));
    }
    const x = dial.x + radius * Math.sin(angle);
    const y = dial.y - radius * Math.cos(angle);
    scene.circle(x, y, dot, paint, i % 4 === 0 ? glow.bracket : 0);
  }
  if (pointed < 0) return;
  const radius = ringRadius(dial, pointed, count);
  const angle = frequency[pointed]! * position;
  scene.arc(dial.x, dial.y, radius, 1, 0, TURN, fade(color.attention, 0.55));
  const x = dial.x + radius * Math.sin(angle);
  const y = dial.y - radius * Math.cos(angle);
  scene.line(dial.x, dial.y, x, y, 1, color.attention);
  scene.circle(x, y, 3.5, color.attention, glow.active);
}

function drawSpiral(scene: Scene, dial: Dial, { count, frequency }: Pairs, position: number): void {
  let segments = 0;
  let lastX = Number.NaN;
  let lastY = 0;
  for (let i = count - 1; i > 0 && segments < MOST_SEGMENTS; i--) {
    const inner = frequency[i]!;
    const outer = frequency[i - 1]!;
    const fall = (outer - inner) * position;
    if (fall > TURN) break;
    const pieces = Math.max(1, Math.ceil(fall / FINENESS));
    for (let piece = Number.isNaN(lastX) ? 0 : 1; piece <= pieces; piece++) {
      const at = piece / pieces;
      // Between two pairs the frequency is exponential in i.
      const angle = inner * (outer / inner) ** at * position;
      const radius = ringRadius(dial, i - at, count);
      const x = dial.x + radius * Math.sin(angle);
      const y = dial.y - radius * Math.cos(angle);
      if (!Number.isNaN(lastX)) {
        scene.line(lastX, lastY, x, y, 1.25, fade(color.data, 0.7 - 0.45 * ((count - i) / count)));
        segments++;
      }
      lastX = x;
      lastY = y;
    }
  }
}
