import { probability } from "./format";
import { octagon } from "./kit/frame";
import type { Scene } from "./scene";
import { color, glow, text } from "./theme";

/** A token someone points at, and where it is. */
export interface Pointed {
  readonly id: number;
  /** As the vocabulary labels it. */
  readonly label: string;
  /** Null where the newest distribution is not known. */
  readonly p: number | null;
  /** 1 is the most probable; null where it is not known. */
  readonly rank: number | null;
  /** Logical pixels. */
  readonly x: number;
  readonly y: number;
}

const WIDEST = 260;
const AWAY = 18;
const HEIGHT = 44;

/** A callout beside the token: its text, id, probability and rank. Stays on the page. */
export function drawTooltip(scene: Scene, pointed: Pointed, width: number, height: number): void {
  const facts = factsOf(pointed);
  const wanted =
    Math.max(scene.measure(pointed.label, text.tooltip), scene.measure(facts, text.caption)) + 24;
  const boxWidth = Math.min(WIDEST, Math.ceil(wanted));
  const toRight = pointed.x + AWAY + boxWidth < width - 8;
  const x = Math.round(toRight ? pointed.x + AWAY : pointed.x - AWAY - boxWidth);
  const y = Math.round(Math.min(Math.max(pointed.y - AWAY - HEIGHT / 2, 8), height - HEIGHT - 8));
  const edge = toRight ? x : x + boxWidth;
  scene.line(pointed.x, pointed.y, edge, y + HEIGHT / 2, 1, color.data);
  scene.arc(pointed.x, pointed.y, 6, 1, 0, 2 * Math.PI, color.data, glow.bracket);
  octagon(scene, { x, y, width: boxWidth, height: HEIGHT }, 7, color.focus, color.data, glow.bracket);
  scene.textWithin(x + 12, y + 19, boxWidth - 24, pointed.label, text.tooltip, color.now);
  scene.textWithin(x + 12, y + 35, boxWidth - 24, facts, text.caption, color.muted);
}

function factsOf({ id, p, rank }: Pointed): string {
  const parts = [`id ${id}`];
  if (p !== null) parts.push(`p ${p >= 0.001 ? probability(p) : p.toExponential(1)}`);
  if (rank !== null) parts.push(`rank ${rank}`);
  return parts.join(" · ");
}
