import type { AppState } from "../state/state";
import { fade, palette } from "./color";
import { caption } from "./kit/heading";
import { barOf } from "./kit/meter";
import type { Rect } from "./layout";
import type { Candidate, Choice, MonitorModel } from "./monitor_model";
import { FEW_CANDIDATES, MOST_CANDIDATES, type MonitorUi } from "./monitor_ui";
import type { Scene } from "./scene";
import { color, glow, text } from "./theme";
import type { BarMotion } from "./token_motion";

export const CAPTION = 20;
const OTHERS = fade(color.data, 0.35);
const CHOSEN = fade(color.attention, 0.2);
const CHOSEN_END = fade(color.attention, 0.08);
const SPACE = fade(color.muted, 0.6);
/** Bars of candidates by rank, the first brightest; before them that of the chosen one. */
const RANKED = palette(
  color.now,
  ...Array.from({ length: MOST_CANDIDATES }, (_, before) => fade(color.data, 1 - 0.02 * before)),
);
/** Of any other candidate, of the chosen one: its text, its numbers, its rank. */
const TEXT = palette(color.words, color.now);
const NUMBER = palette(color.data, color.attention);
const RANK = palette(color.muted, color.attention);
/** Between the last candidate and the row of one that ranks lower. */
const APART = 4;

/** Height of the section for `rows` candidates of `row` pixels each: one more row is kept for the chosen token. */
export function choiceHeight(rows: number, row: number): number {
  return CAPTION + rows * row + APART + row;
}

/** The most probable next tokens on an absolute scale, and the chosen one wherever it ranks. */
export function drawChoice(
  scene: Scene,
  state: AppState,
  { choice }: MonitorModel,
  rect: Rect,
  rows: number,
  row: number,
  now: number,
  ui: MonitorUi,
  springs: BarMotion,
): void {
  const few = ui.topCount <= FEW_CANDIDATES;
  caption(
    scene,
    rect.x,
    rect.y + 12,
    rect.width,
    few ? "NEXT TOKEN ▾" : "NEXT TOKEN ▴",
    choice?.note ?? "softmax · scale 0 – 1",
  );
  ui.hits.add("top-count", few ? 1 : 0, rect.x, rect.y, rect.width, CAPTION);
  const top = rect.y + CAPTION;
  if (!choice) {
    const empty = `the ${rows} most probable tokens, and the one chosen`;
    scene.textWithin(rect.x, top + row - 3, rect.width, empty, text.caption, color.muted);
    return;
  }
  const track = barRect(rect);
  for (let i = 0; i <= 4; i++) {
    const x = Math.round(track.x + (track.width * i) / 4);
    scene.rect(x, top - 1, 1, rows * row + APART + row, color.rule);
  }
  const { lengths } = springs;
  const newest = state.tokens.length - 1 - ((state.tokens.at(-1)?.event.step ?? 0) - choice.step);
  for (let i = 0; i < rows; i++) {
    const candidate = choice.candidates[i];
    if (!candidate) break;
    if (ui.reducedMotion) lengths[i] = candidate.p;
    else springs.follow(state.tokens, newest, i, now);
    drawRow(scene, candidate, lengths, i, rect, top + i * row, row, ui);
  }
  const last = top + rows * row + APART;
  if (inShown(choice, rows)) drawOthers(scene, choice, lengths, rect, last, rows, row);
  else {
    lengths[rows] = choice.chosen.p;
    drawRow(scene, choice.chosen, lengths, rows, rect, last, row, ui);
  }
}

/** What is left for all tokens that have no row. */
function drawOthers(
  scene: Scene,
  choice: Choice,
  lengths: Float64Array,
  rect: Rect,
  y: number,
  rows: number,
  row: number,
): void {
  const { labels, p, shown } = choice.others[Math.min(rows, choice.candidates.length)]!;
  if (labels.length === 0) return;
  const baseline = y + Math.round(row / 2) + 4;
  const track = barRect(rect);
  scene.textFitting(rect.x + 26, baseline, track.x - rect.x - 32, labels, text.caption, color.muted);
  const height = Math.min(row - 6, 9);
  lengths[rows] = p;
  barOf(scene, track.x, y + Math.round((row - 1 - height) / 2), track.width, height, lengths, rows, OTHERS);
  scene.text(rect.x + rect.width - 2, baseline, shown, text.data, color.muted, "right");
}

function inShown({ candidates, chosen }: Choice, rows: number): boolean {
  for (let i = 0; i < rows; i++) if (candidates[i]?.id === chosen.id) return true;
  return false;
}

/** Where bars run: the same columns at every width of the panel. */
function barRect(rect: Rect): Rect {
  const left = Math.round(Math.min(124, rect.width * 0.36));
  return { x: rect.x + left, y: rect.y, width: rect.width - left - 46, height: rect.height };
}

function drawRow(
  scene: Scene,
  candidate: Candidate,
  lengths: Float64Array,
  i: number,
  rect: Rect,
  y: number,
  row: number,
  ui: MonitorUi,
): void {
  const baseline = y + Math.round(row / 2) + 4;
  const track = barRect(rect);
  const { chosen } = candidate;
  const which = chosen ? 1 : 0;
  if (chosen) {
    scene.gradient(rect.x, y, rect.width, row - 1, CHOSEN, CHOSEN_END);
    scene.rect(rect.x, y, 2, row - 1, color.attention);
  }
  ui.hits.add("candidate", candidate.id, rect.x, y, rect.width, row);
  const rank = candidate.rankShown;
  const rankRight = rect.x + 18 + Math.max(0, rank.length - 2) * 6;
  scene.text(rankRight, baseline, rank, text.caption, RANK[which]!, "right");
  const left = rankRight + 8;
  label(scene, candidate.label, left, baseline, track.x - 6 - left, chosen);
  const height = Math.min(row - 6, 9);
  const paint = RANKED[chosen ? 0 : Math.min(candidate.rank, MOST_CANDIDATES)]!;
  const light = lengths[i]! > 0.004 ? glow.bracket : 0;
  barOf(
    scene,
    track.x,
    y + Math.round((row - 1 - height) / 2),
    track.width,
    height,
    lengths,
    i,
    paint,
    light,
  );
  const right = rect.x + rect.width - 2;
  scene.text(right, baseline, candidate.shown, text.data, NUMBER[which]!, "right");
}

/** A token's text; its leading space, which most have, stays visible but quiet. */
function label(scene: Scene, shown: string, x: number, y: number, room: number, chosen: boolean): void {
  const spaced = shown.startsWith("·");
  const dot = spaced ? scene.text(x, y, "·", text.data, SPACE) : 0;
  const rest = spaced ? shown.slice(1) : shown;
  scene.textWithin(x + dot, y, room - dot, rest, text.data, TEXT[chosen ? 1 : 0]!);
}
