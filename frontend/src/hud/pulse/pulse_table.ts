import type { AppState } from "../../state/state";
import { type Color, fade, mix, palette } from "../color";
import { clamp01, easeOutCubic } from "../motion";
import type { Scene } from "../scene";
import { color, glow, motion, text } from "../theme";
import { BARS, type Decades, type PulseModel, place } from "./pulse_model";
import { barHeight, type Columns, type Rows, rowHeight, rowTop } from "./pulse_rows";

/** A token on its way down the layers, over the one before it. */
export interface Pass {
  readonly model: PulseModel;
  readonly before: PulseModel;
  /** Layers it has passed; a fraction within one. */
  readonly passed: number;
  /** Clock at which it set out, and how long it takes. */
  readonly arrived: number;
  readonly seconds: number;
}

/** Rows that still glow behind the pulse. */
const AFTERGLOW = 7;
/** What is left of the rows that the pulse has not reached. */
const DIM = 0.2;
/** Tokens faster than the first are not dimmed at all, since it would flicker; slower than the second, wholly. */
const FLICKER = 0.06;
const CALM = 0.2;
/** Bars of the greatest norms, and the others; the end of a bar. */
const STRONG = fade(color.data, 0.95);
const USUAL = fade(color.data, 0.66);
const TIP = fade(color.data, 0.9);
/** A bar begins this much fainter than it ends. */
const FAINTER = 0.7;
const STRONG_START = fade(STRONG, FAINTER);
const USUAL_START = fade(USUAL, FAINTER);
/** Numbers of layers and changes at rest: usual, of the greatest, and those to look at. */
const NUMBERS = palette(color.muted, color.words, color.attention);
const CHANGES = palette(color.settled, color.words, color.attention);

/** How bright the rows below the pulse are. */
export function dimness({ seconds }: Pass): number {
  return 1 - (1 - DIM) * clamp01((seconds - FLICKER) / (CALM - FLICKER));
}

/** How strongly a row glows: 1 where the pulse is, less in the rows it has just passed. */
export function afterglow(pass: Pass, row: number): number {
  const { passed, model } = pass;
  if (passed >= model.count) return 0;
  const behind = Math.floor(passed) - row;
  return behind < 0 || behind > AFTERGLOW ? 0 : (1 - behind / (AFTERGLOW + 1)) ** 2;
}

export function drawHeads(scene: Scene, columns: Columns, y: number, headsPerMark: number): void {
  const { bars } = columns;
  scene.text(columns.number, y, "L", text.caption, color.muted);
  scene.textWithin(bars[0], y, columns.barWidth, "ATTENTION", text.caption, color.muted);
  scene.textWithin(bars[1], y, columns.barWidth, "MLP", text.caption, color.muted);
  scene.textWithin(bars[2], y, columns.barWidth, "OUTPUT", text.caption, color.muted);
  scene.text(columns.change, y, "Δ RES", text.caption, color.muted, "right");
  if (columns.focusWidth === 0) return;
  const long = headsPerMark > 1 ? `FOCUS 1:${headsPerMark}` : "FOCUS";
  const room = columns.focusWidth + 4;
  const word = scene.measure(long, text.caption) <= room ? long : "FOCUS";
  scene.textWithin(columns.focus, y, room, word, text.caption, color.muted);
}

export function drawRows(
  scene: Scene,
  state: AppState,
  rows: Rows,
  columns: Columns,
  scale: Decades,
  pass: Pass,
  now: number,
): void {
  drawScale(scene, rows, columns, scale);
  for (let row = rows.first; row < rows.first + rows.shown; row++) {
    drawRow(scene, state, rows, columns, scale, pass, row, now);
  }
}

/** One ground for all bars of a column, with a line at each power of ten. */
function drawScale(scene: Scene, rows: Rows, { bars, barWidth }: Columns, scale: Decades): void {
  const height = rowTop(rows, rows.first + rows.shown) - rows.y;
  const decades = Math.round(Math.log10(scale.high / scale.low));
  for (let bar = 0; bar < BARS; bar++) {
    const x = bars[bar]!;
    scene.rect(x, rows.y, barWidth, height, color.well);
    for (let i = 0; i <= decades; i++) {
      scene.rect(Math.round(x + (i / decades) * (barWidth - 1)), rows.y, 1, height, color.rule);
    }
  }
}

function drawRow(
  scene: Scene,
  state: AppState,
  rows: Rows,
  columns: Columns,
  scale: Decades,
  pass: Pass,
  row: number,
  now: number,
): void {
  const y = rowTop(rows, row);
  const height = rowHeight(rows, row);
  const tall = barHeight(rows);
  const behind = row > pass.passed;
  const shown = behind ? pass.before : pass.model;
  const light = afterglow(pass, row);
  const bright = behind ? dimness(pass) : 1;
  const right = columns.focus + columns.focusWidth;
  if (light > 0) lightUp(scene, columns.number, y, right - columns.number, height, light);
  const selected = shown.layer[row] === state.selection.layer;
  if (selected) scene.rect(columns.number - 6, y, 2, Math.max(height - 1, 2), color.attention);
  const settled = settle(pass, row, now);
  const still = light === 0 && bright === 1;
  const { at } = scene;
  for (let bar = 0; bar < BARS; bar++) {
    const i = row * BARS + bar;
    const value = shown.norms[i]!;
    const x = columns.bars[bar]!;
    if (!Number.isFinite(value)) {
      lacking(scene, x, y, columns.barWidth, tall, bright);
      continue;
    }
    const to = place(scale, value);
    const from = behind ? to : place(scale, pass.before.norms[i]!);
    const strong = shown.strong[i] === 1;
    at[0] = x;
    at[1] = y;
    at[2] = (from + (to - from) * settled) * columns.barWidth;
    at[3] = tall;
    if (still && at[2] >= 0.5) drawStillBar(scene, strong);
    else drawBar(scene, mix(fade(strong ? STRONG : USUAL, bright), color.now, light), strong, light, bright);
  }
  if (row % rows.labelEvery === 0) drawNumbers(scene, rows, columns, shown, row, y, selected, light, bright);
}

/** How much of the way to its new length a bar has gone: it sets out when the pulse passes. */
function settle({ arrived, seconds, model }: Pass, row: number, now: number): number {
  if (!(seconds > 0)) return 1;
  const since = now - arrived - (row / model.count) * seconds;
  return easeOutCubic(since / Math.min(motion.spring, seconds));
}

function lightUp(scene: Scene, x: number, y: number, width: number, height: number, light: number): void {
  if (light < 1) scene.rect(x, y, width, height, fade(color.data, 0.16 * light));
  else scene.box(x, y, width, height, fade(color.data, 0.28), color.clear, 0, glow.active, color.data);
}

/** A bar that the pulse is far from, at `scene.at`. */
function drawStillBar(scene: Scene, strong: boolean): void {
  if (strong) scene.fillAt(STRONG_START, STRONG);
  else scene.fillAt(USUAL_START, USUAL);
  if (!tipAt(scene, strong)) return;
  if (strong) scene.fillAt(color.now, color.now);
  else scene.fillAt(TIP, TIP);
}

/** A bar of any light, at `scene.at`. */
function drawBar(scene: Scene, paint: Color, strong: boolean, light: number, bright: number): void {
  const { at } = scene;
  if (at[2]! < 0.5) {
    at[2] = 1;
    const faint = fade(paint, 0.6);
    scene.fillAt(faint, faint);
    return;
  }
  if (light >= 1) scene.boxAt(paint, color.clear, 0, glow.active, color.now);
  else scene.fillAt(fade(paint, FAINTER), paint);
  if (!tipAt(scene, strong)) return;
  const tip = fade(strong ? color.now : TIP, bright);
  scene.fillAt(tip, tip);
}

/** From a bar's place to its tip's; false for one that is too thin for a tip. */
function tipAt({ at }: Scene, strong: boolean): boolean {
  if (at[3]! < 4) return false;
  at[0] = Math.round(at[0]! + at[2]!) - 1;
  at[1]! -= 1;
  at[2] = strong ? 2 : 1;
  at[3]! += 2;
  return true;
}

/** The architecture has no such part here. */
function lacking(scene: Scene, x: number, y: number, width: number, height: number, bright: number): void {
  scene.hatch(x, y, width, height, fade(color.muted, 0.22 * bright), color.clear);
  if (height >= 8)
    scene.text(x + 4, y + Math.round(height / 2 + 4), "none", text.caption, fade(color.muted, 0.8 * bright));
}

function drawNumbers(
  scene: Scene,
  rows: Rows,
  columns: Columns,
  model: PulseModel,
  row: number,
  y: number,
  selected: boolean,
  light: number,
  bright: number,
): void {
  const baseline = y + Math.min(Math.round(rows.pitch / 2 + 3), Math.round(rows.pitch) - 1 || 1, 11);
  const base = rows.pitch < 10 ? y + 8 : baseline;
  const strong = model.marked[row] === 1;
  const change = model.change[row]!;
  if (light === 0 && bright === 1) {
    const usual = strong ? 1 : 0;
    const number = NUMBERS[selected ? 2 : usual]!;
    scene.text(columns.number, base, model.layerShown[row]!, text.caption, number);
    const changed = CHANGES[change >= 1 ? 2 : usual]!;
    scene.text(columns.change, base, model.changeShown[row]!, text.caption, changed, "right");
    return;
  }
  const quiet = strong ? color.words : color.muted;
  const paint = selected ? color.attention : fade(mix(quiet, color.now, light), Math.max(bright, 0.4));
  scene.text(columns.number, base, model.layerShown[row]!, text.caption, paint);
  const hue = change >= 1 ? color.attention : strong ? color.words : color.settled;
  const lit = fade(mix(hue, color.now, change >= 1 ? 0 : light), Math.max(bright, 0.4));
  scene.text(columns.change, base, model.changeShown[row]!, text.caption, lit, "right");
}
