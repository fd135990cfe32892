import { type Color, fade, palette } from "./color";
import { beacon } from "./kit/gauge";
import { progressLine } from "./kit/meter";
import type { Rect } from "./layout";
import type { MonitorModel, Status, Task, Tone } from "./monitor_model";
import type { Scene } from "./scene";
import { color, motion, size, text } from "./theme";

export const toneColor: Record<Tone, Color> = {
  quiet: color.muted,
  data: color.data,
  attention: color.attention,
  complete: color.complete,
  error: color.error,
};

/** Of the status: its ground from left to right, its edge, the ring of its light, its title. */
function shades(paint: Color, title = paint): readonly Color[] {
  return palette(fade(paint, 0.13), fade(paint, 0.04), fade(paint, 0.5), fade(paint, 0.6), title);
}

const SHADES: Readonly<Record<Tone, readonly Color[]>> = {
  quiet: shades(color.muted),
  data: shades(color.data, color.now),
  attention: shades(color.attention),
  complete: shades(color.complete),
  error: shades(color.error),
};

/** The rate of a run that is over, and of one that goes on. */
const SPEED = palette(color.data, color.now);

export const STATUS_HEIGHT = 46;
export const TASK_HEIGHT = 22;
const SENTENCE_LINE = 14;
const SENTENCE_LINES = 5;

/** Lines of a sentence that is too long for one, by words, at most `most`. */
function wrap(sentence: string, columns: number, most: number): string[] {
  const lines: string[] = [""];
  for (const word of sentence.split(" ")) {
    const open = lines[lines.length - 1]!;
    if (open === "") lines[lines.length - 1] = word;
    else if (open.length + 1 + word.length <= columns) lines[lines.length - 1] = `${open} ${word}`;
    else lines.push(word);
  }
  if (lines.length > most) lines[most - 1] += " …";
  return lines.slice(0, most);
}

function sentenceColumns(scene: Scene, width: number): number {
  return Math.max(8, Math.floor((width - 56) / scene.step(text.caption)));
}

/** Height of the status box: a sentence may take several lines. */
export function statusHeight(scene: Scene, status: Status, width: number): number {
  if (!status.sentence) return STATUS_HEIGHT;
  const lines = wrap(status.details[0] ?? "", sentenceColumns(scene, width), SENTENCE_LINES).length;
  return STATUS_HEIGHT + (lines - 1) * SENTENCE_LINE;
}

const WORKING = new Set(["running", "prefill", "loading"]);

/** What is going on, and how fast. */
export function drawStatus(
  scene: Scene,
  { status }: MonitorModel,
  rect: Rect,
  height: number,
  now: number,
  still: boolean,
): void {
  const paint = toneColor[status.tone];
  const shade = SHADES[status.tone];
  scene.gradient(rect.x, rect.y, rect.width, height, shade[0]!, shade[1]!);
  scene.box(rect.x, rect.y, rect.width, height, color.clear, shade[2]!, size.hairline);
  const working = WORKING.has(status.activity);
  const beat = working && !still ? (now / motion.beaconPeriod) % 1 : 0;
  beacon(scene, rect.x + 20, rect.y + STATUS_HEIGHT / 2, paint, shade[3]!, beat);
  const left = rect.x + 40;
  scene.text(left, rect.y + 20, status.title, text.state, shade[4]!);
  if (status.sentence) {
    const lines = wrap(status.details[0] ?? "", sentenceColumns(scene, rect.width), SENTENCE_LINES);
    for (let i = 0; i < lines.length; i++) {
      scene.text(left, rect.y + 36 + i * SENTENCE_LINE, lines[i]!, text.caption, color.words);
    }
    return;
  }
  const right = rect.x + rect.width - 10;
  const unit = scene.text(right, rect.y + 32, "tok/s", text.unit, color.muted, "right");
  const taken = scene.text(
    right - unit - 8,
    rect.y + 33,
    status.rate,
    text.speed,
    SPEED[status.activity === "running" ? 1 : 0]!,
    "right",
  );
  const room = right - unit - taken - 20 - left;
  scene.textFitting(left, rect.y + 37, room, status.details, text.caption, color.muted);
}

/** A long task: what it is, how far, and a line that fills. */
export function drawTask(scene: Scene, task: Task, x: number, y: number, width: number, now: number): void {
  const note = scene.text(x + width, y + 10, task.note, text.caption, color.data, "right");
  scene.textWithin(x, y + 10, width - note - 12, task.label, text.caption, color.muted);
  progressLine(scene, x, y + 15, width, task.fraction, now);
}
