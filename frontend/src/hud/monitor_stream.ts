import { selectedToken } from "../state/select";
import type { AppState } from "../state/state";
import { type Color, fade, mix, palette } from "./color";
import { well } from "./kit/frame";
import type { Rect } from "./layout";
import type { MonitorModel } from "./monitor_model";
import type { MonitorUi } from "./monitor_ui";
import type { Scene } from "./scene";
import { color, glow, motion, size, type TextStyle, text, threshold } from "./theme";
import type { Line, Span, TokenStream } from "./token_stream";

const PULSE_HEIGHT = 45;
/** A lower box shows text alone. */
const LEAST_WITH_PULSE = 86;
const INSIDE = 10;
const EMPTY = "the prompt and the answer appear here, token by token";
const MARK = fade(color.muted, 0.75);
/** The scroll bar at the newest line, and above it. */
const THUMB = palette(fade(color.data, 0.45), fade(color.data, 0.9));
const PINNED = fade(color.attention, 0.24);
const PINNED_LIGHT = fade(color.attention, 0.5);
/** Bars of the pulse, the newest first: they fade as they grow old. */
const AGED = palette(
  ...Array.from({ length: 512 }, (_, i) =>
    i === 0 ? color.now : fade(color.data, 0.3 + 0.6 * Math.exp(-i / 14)),
  ),
);

/** How the text of the stream is set. */
export interface StreamType {
  readonly style: TextStyle;
  readonly row: number;
}

export const smallStream: StreamType = { style: text.token, row: size.streamRow };
export const largeStream: StreamType = { style: text.largeToken, row: size.largeStreamRow };

/** Columns of text in a stream box of `width`. */
export function streamColumns(scene: Scene, width: number, type: StreamType): number {
  // One column is kept for the cursor.
  return Math.max(12, Math.floor((width - 2 * INSIDE) / scene.step(type.style)) - 1);
}

/** The prompt and the answer, the cursor, and beneath them the pulse of generation. */
export function drawStream(
  scene: Scene,
  state: AppState,
  model: MonitorModel,
  stream: TokenStream,
  type: StreamType,
  rect: Rect,
  now: number,
  ui: MonitorUi,
): void {
  well(scene, rect);
  const pulse = rect.height >= LEAST_WITH_PULSE ? PULSE_HEIGHT : 0;
  ui.hits.add("stream", 0, rect.x, rect.y, rect.width, rect.height);
  if (state.run) drawLines(scene, state, stream, type, rect, pulse, now, ui);
  else
    scene.textWithin(rect.x + INSIDE, rect.y + 22, rect.width - 2 * INSIDE, EMPTY, text.caption, color.muted);
  if (pulse > 0) drawPulse(scene, model, rect);
}

function drawLines(
  scene: Scene,
  state: AppState,
  stream: TokenStream,
  type: StreamType,
  box: Rect,
  pulse: number,
  now: number,
  ui: MonitorUi,
): void {
  const top = box.y + 1;
  const height = box.height - pulse - 1;
  const rows = Math.max(1, Math.floor((height - 6) / type.row));
  const { lines } = stream;
  ui.scrollLimit = Math.max(0, lines.length - rows);
  keepPlace(ui, stream.dropped + lines.length);
  seek(state, stream, ui);
  const back = Math.min(Math.max(Math.round(ui.scroll), 0), ui.scrollLimit);
  const end = lines.length - back;
  if (ui.sought === null) ui.scrolled.set(state, back > 0 ? placeOf(stream, end - 1) : null);
  const first = Math.max(0, end - rows);
  const left = box.x + INSIDE;
  scene.pushClip(box.x + 1, top, box.width - 2, height);
  for (let i = first; i < end; i++) {
    const baseline = top + type.row + 1 + (i - first) * type.row;
    drawLine(scene, state, lines[i]!, type, left, baseline, ui);
    if (i === lines.length - 1) drawCursor(scene, state, lines[i]!, type, left, baseline, now, ui);
  }
  scene.popClip();
  if (ui.scrollLimit > 0) drawScrollBar(scene, box.x + box.width - 5, top, height, rows, lines.length, back);
}

/** Who scrolled back keeps what they read while lines are added below; another text is shown from its end. */
export function keepPlace(ui: MonitorUi, lines: number): void {
  const added = lines - ui.seenLines;
  if (added < 0) ui.scroll = 0;
  else if (ui.scroll > 0) ui.scroll = Math.min(ui.scroll + added, ui.scrollLimit);
  ui.seenLines = lines;
}

/**
 * Goes where a link says, once there is text beyond it; and there again where the same text is wrapped anew.
 * To the newest line with another run, and when someone goes back to now.
 */
function seek(state: AppState, stream: TokenStream, ui: MonitorUi): void {
  const { scrolled } = ui;
  const runId = state.run?.started.run_id ?? "";
  const { returns } = state.selection;
  const left = (ui.runId !== "" && runId !== ui.runId) || returns !== ui.returns;
  const linked = scrolled.follow(state);
  if (left && !linked) {
    ui.scroll = 0;
    ui.sought = null;
  } else if (linked || stream.lines !== ui.lines) {
    ui.scroll = 0;
    ui.sought = scrolled.value;
  }
  ui.runId = runId;
  ui.returns = returns;
  ui.lines = stream.lines;
  const line = ui.sought === null ? -1 : lineAt(stream, ui.sought);
  if (line < 0 || ui.scrollLimit === 0) return;
  ui.scroll = Math.min(stream.lines.length - 1 - line, ui.scrollLimit);
  ui.sought = null;
}

/** Names a line whatever the width: by the step of its first token; in the prompt by its number, from -1 down. */
function placeOf({ lines, dropped }: TokenStream, line: number): number {
  const step = lines[line]!.spans[0]?.step ?? -1;
  return step >= 0 ? step : -(dropped + line + 1);
}

/** The line that a place names: the last that begins with its token or before it; -1 while it is the last of all. */
function lineAt({ lines, dropped }: TokenStream, place: number): number {
  if (place < 0) return -place - dropped < lines.length ? Math.max(-place - dropped - 1, 0) : -1;
  let after = lines.length - 1;
  while (after > 0 && beginsAfter(lines[after - 1]!, place)) after--;
  return beginsAfter(lines[after]!, place) ? Math.max(after - 1, 0) : -1;
}

function beginsAfter({ spans }: Line, step: number): boolean {
  return spans.length === 0 || spans[0]!.step > step;
}

function drawLine(
  scene: Scene,
  state: AppState,
  line: Line,
  type: StreamType,
  left: number,
  baseline: number,
  ui: MonitorUi,
): void {
  const step = scene.step(type.style);
  const newest = state.tokens.at(-1)?.event.step ?? -1;
  const pinned = selectedToken(state)?.event.step ?? -1;
  for (let i = 0; i < line.spans.length; i++) {
    const span = line.spans[i]!;
    const x = left + span.column * step;
    const age = newest - span.step;
    if (span.step >= 0) {
      const blank = leadingSpaces(span.text);
      const inkX = x + blank * step;
      const ink = (span.cells - blank) * step;
      ui.hits.add("token", span.step, x, baseline - 14, span.cells * step, type.row);
      if (ink > 0 && span.step === pinned) highlight(scene, inkX, baseline, ink);
      if (ink > 0 && isSurprising(state, span.step)) {
        scene.rect(inkX, baseline + 4, ink, 1, color.attention);
      }
    }
    scene.text(x, baseline, span.text, type.style, spanColor(span, age));
  }
}

/** Of the marks in a text, of the prompt, of the answer. */
const SPANS = palette(MARK, color.prompt, color.settled);
/** Of the newest tokens, by age. */
const FRESH = palette(
  ...Array.from({ length: motion.freshTokens }, (_, age) =>
    mix(color.now, color.settled, age / motion.freshTokens),
  ),
);

function spanColor(span: Span, age: number): Color {
  if (span.kind === "mark") return SPANS[0]!;
  if (span.kind === "prompt") return SPANS[1]!;
  return FRESH[age] ?? SPANS[2]!;
}

function leadingSpaces(shown: string): number {
  let blank = 0;
  while (shown.charCodeAt(blank) === 0x20) blank++;
  return blank;
}

function highlight(scene: Scene, x: number, baseline: number, width: number): void {
  scene.box(x - 2, baseline - 12, width + 3, 16, PINNED, color.clear, 0, glow.bracket, PINNED_LIGHT);
}

/** Whether the token was chosen against the odds. */
function isSurprising({ run }: AppState, step: number): boolean {
  return (run?.past.rank(step) ?? 0) > threshold.surprisingRank;
}

const OPEN = new Set(["prefill", "running", "paused"]);

function drawCursor(
  scene: Scene,
  state: AppState,
  line: Line,
  type: StreamType,
  left: number,
  baseline: number,
  now: number,
  ui: MonitorUi,
): void {
  const phase = state.run?.state?.phase ?? "prefill";
  if (!OPEN.has(phase)) return;
  const since = now - (state.tokens.at(-1)?.arrived ?? 0);
  // Lit right after a token, then blinking; steady where motion is not wanted.
  const lit = ui.reducedMotion || (since / motion.cursorPeriod) % 1 < 0.5;
  if (!lit) return;
  const step = scene.step(type.style);
  const x = left + line.cells * step + 1;
  scene.box(x, baseline - 11, step, 14, color.attention, color.clear, 0, glow.active, color.attention);
}

function drawScrollBar(
  scene: Scene,
  x: number,
  y: number,
  height: number,
  rows: number,
  all: number,
  back: number,
): void {
  const track = height - 8;
  const thumb = Math.max(12, (track * rows) / all);
  const at = (track - thumb) * (1 - back / Math.max(all - rows, 1));
  scene.rect(x, y + 4, 2, track, color.track);
  scene.rect(x, y + 4 + at, 2, thumb, THUMB[back > 0 ? 1 : 0]!);
}

/** One bar a token, as high as the token took long; the newest at the right. */
function drawPulse(scene: Scene, model: MonitorModel, rect: Rect): void {
  const { pulse } = model;
  const x = rect.x + INSIDE;
  const width = rect.width - 2 * INSIDE;
  const base = rect.y + rect.height - 8;
  scene.text(x, base - 27, pulse.caption, text.caption, color.muted);
  scene.text(x + width, base - 27, pulse.newest, text.caption, color.data, "right");
  const step = 5;
  const places = Math.floor(width / step);
  const height = 20;
  const used = Math.min(places, pulse.seconds.length);
  const { at } = scene;
  at[2] = 4;
  for (let i = 0; i < places; i++) {
    at[0] = x + width - (i + 1) * step + 1;
    at[1] = base - 1;
    at[3] = 1;
    scene.fillAt(color.track, color.track);
    if (i >= used) continue;
    const seconds = pulse.seconds[pulse.seconds.length - 1 - i]!;
    const share = seconds / pulse.full;
    const tall = Math.max(1, Math.min(share, 1.1) * height);
    const paint = AGED[Math.min(i, AGED.length - 1)]!;
    at[1] = base - tall;
    at[3] = tall;
    scene.fillAt(paint, paint);
    if (share <= 1) continue;
    at[1] = base - tall - 2;
    at[3] = 1;
    scene.fillAt(color.attention, color.attention);
  }
}
