import { type Color, fade } from "../color";
import type { Rect } from "../layout";
import { clamp01, easeOutCubic } from "../motion";
import type { Scene } from "../scene";
import { color, glow, size } from "../theme";

/** Corner brackets; `drawn` (0 to 1) lets each arm grow out of its corner. */
export function brackets(
  scene: Scene,
  rect: Rect,
  drawn: number,
  active: boolean,
  paint: Color = color.data,
  lit = true,
): void {
  const arm = (active ? size.activeBracket : size.bracket) * easeOutCubic(drawn);
  if (arm <= 0) return;
  const width = active ? size.activeBracketStroke : size.bracketStroke;
  const light = lit ? (active ? glow.active : glow.bracket) : glow.none;
  for (let corner = 0; corner < 4; corner++) {
    const right = corner & 1;
    const low = corner >> 1;
    const x = right ? rect.x + rect.width : rect.x;
    const y = low ? rect.y + rect.height : rect.y;
    scene.corner(x, y, right ? -1 : 1, low ? -1 : 1, arm, width, paint, light);
  }
}

/** A panel's ground: dark glass, dots for depth, a hairline, and its brackets. */
export function panel(scene: Scene, rect: Rect, drawn: number, active = false): void {
  const { x, y, width, height } = rect;
  scene.dots(x + 1, y + 1, width - 2, height - 2, color.dots, color.panel);
  outline(scene, rect, color.frame);
  brackets(scene, rect, clamp01(drawn), active);
}

/** A hairline round a rectangle: four thin items, which cost their own pixels and not the whole box's. */
export function outline(scene: Scene, { x, y, width, height }: Rect, paint: Color): void {
  const line = size.hairline;
  scene.rect(x, y, width, line, paint);
  scene.rect(x, y + height - line, width, line, paint);
  scene.rect(x, y + line, line, height - 2 * line, paint);
  scene.rect(x + width - line, y + line, line, height - 2 * line, paint);
}

/** A hairline box inside a panel, a shade darker than its ground and lined like a tube. */
export function well(scene: Scene, rect: Rect): void {
  scene.scanlines(rect.x, rect.y, rect.width, rect.height, color.scanline, color.well);
  outline(scene, rect, color.frame);
}

/** A box with cut corners, for buttons and tooltips. */
export function octagon(scene: Scene, rect: Rect, cut: number, fill: Color, stroke: Color, light = 0): void {
  scene.box(rect.x, rect.y, rect.width, rect.height, fill, stroke, size.hairline, light, stroke, 0, cut);
}

/** A round frame: a thin ring with four brighter arcs that draw in. */
export function circleFrame(scene: Scene, cx: number, cy: number, radius: number, drawn: number): void {
  const turn = 2 * Math.PI;
  scene.arc(cx, cy, radius, size.hairline, 0, turn, color.frame);
  const sweep = (turn / 16) * easeOutCubic(drawn);
  if (sweep <= 0) return;
  for (let quarter = 0; quarter < 4; quarter++) {
    const start = (quarter / 4) * turn + turn / 8 - sweep / 2;
    scene.arc(cx, cy, radius, size.bracketStroke, start, sweep, color.data, glow.bracket);
  }
}

const RULE_END = fade(color.data, 0.35);

/** The line under a heading, brighter at its start. */
export function rule(scene: Scene, x: number, y: number, width: number, bright = 0): void {
  scene.rect(x, y, width, 1, color.rule);
  if (bright > 0) scene.gradient(x, y, bright, 1, color.data, RULE_END);
}
