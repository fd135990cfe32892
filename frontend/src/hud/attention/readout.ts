import { probability } from "../format";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import type { HudUi } from "../ui";
import { type AttentionModel, type CellFacts, nats, peakFacts, share } from "./attention_model";
import { drawLargeReadout, LARGE_READOUT } from "./readout_large";
import { bareLabel } from "./tokens";

const LINE = 15;

/** A line of the readout: a name, and what it says, in its colour. */
interface Line {
  readonly name: string;
  /** Instead of the name where that has no room. */
  readonly brief?: string;
  readonly value: string;
  readonly paint: number;
  /** Tokens in the value, and how it is said with these or with less of them. */
  readonly tokens?: readonly string[];
  readonly say?: (tokens: readonly string[]) => string;
}

const NOTHING: readonly string[] = [];

/**
 * What stands in the empty half of the matrix: the row on show, or the cell that is pointed at. Returns what had no room
 * of that cell, or of the line under the pointer: whole.
 */
export function drawReadout(
  scene: Scene,
  model: AttentionModel,
  cell: CellFacts | null,
  plot: Rect,
  over: boolean,
  ui: HudUi,
): readonly string[] {
  const roomy = plot.width >= LARGE_READOUT;
  const large = roomy ? (cell ?? (model.row ? peakFacts(model.row) : null)) : null;
  if (large) return drawLargeReadout(scene, model, large, cell !== null, plot, over, ui);
  const lines = cell ? ofCell(cell) : linesOf(model);
  const right = plot.x + plot.width - 10;
  if (over && lines.length > 0) {
    // Zoomed in, there need not be an empty half.
    const width = Math.min(plot.width - 12, 210);
    scene.rect(plot.x + plot.width - width - 4, plot.y + 4, width, lines.length * LINE + 8, color.focus);
  }
  // The diagonal leaves less room the further down a line stands.
  const fits = over ? lines.length : Math.max(2, Math.floor((plot.height * 0.42) / LINE));
  const { pointerX, pointerY } = ui;
  let cut = NOTHING;
  for (let i = 0; i < Math.min(lines.length, fits); i++) {
    const line = lines[i]!;
    const y = plot.y + 18 + i * LINE;
    const room = over ? Math.min(plot.width, 210) - 24 : plot.width - (y - plot.y) - 18;
    const value = fitted(scene, Math.max(room, 40), line);
    const used = scene.text(right, y, value, text.data, line.paint, "right");
    const pointed =
      pointerY >= y - LINE + 4 && pointerY < y + 4 && pointerX >= right - used && pointerX < right;
    if ((cell || pointed) && isCut(line, value))
      cut = cell ? lines.filter(hasTokens).map(whole) : [whole(line)];
    const left = room - used - 8;
    const name = scene.measure(line.name, text.caption) <= left ? line.name : (line.brief ?? "");
    if (name === "" || scene.measure(name, text.caption) > left) continue;
    scene.text(right - used - 8, y, name, text.caption, color.muted, "right");
  }
  return cut;
}

const hasTokens = ({ tokens }: Line): boolean => tokens !== undefined;
const whole = ({ name, value }: Line): string => `${name} ${value}`;

/** More than quotes and marks of a space is missing. */
function isCut({ value, tokens, say }: Line, said: string): boolean {
  return said !== value && (!tokens || !say || said !== say(tokens.map(bareLabel)));
}

/** What was said last: the same in every frame until the row is another. */
const last: { model: AttentionModel | null; lines: readonly Line[] } = { model: null, lines: [] };

function linesOf(model: AttentionModel): readonly Line[] {
  if (model !== last.model) {
    last.model = model;
    last.lines = ofRow(model);
  }
  return last.lines;
}

/** A line's value in the room there is. Tokens lose their quotes first, then their middles; numbers stay whole. */
function fitted(scene: Scene, room: number, line: Line): string {
  if (scene.measure(line.value, text.data) <= room) return line.value;
  const step = scene.step(text.data);
  const known = shortest.get(line);
  if (known?.room === room && known.step === step) return known.said;
  const said = shortened(scene, room, line);
  shortest.set(line, { room, step, said });
  return said;
}

/** What was left of lines that were too long, in what room, and how wide a letter was. */
const shortest = new WeakMap<Line, { readonly room: number; readonly step: number; readonly said: string }>();

function shortened(scene: Scene, room: number, { value, tokens, say }: Line): string {
  const width = (words: string): number => scene.measure(words, text.data);
  if (!tokens || !say) return scene.cut(room, value, text.data);
  const bare = tokens.map(bareLabel);
  const whole = say(bare);
  if (width(whole) <= room) return whole;
  const free = room - width(say(bare.map(() => "")));
  const all = bare.reduce((sum, token) => sum + width(token), 0);
  const short = bare.map((token) => {
    const left = free - (all - width(token));
    return scene.cutMiddle(Math.max(left, free / bare.length), token, text.data);
  });
  return say(short);
}

function ofCell(cell: CellFacts): Line[] {
  return [
    tokenLine("query", [cell.query], ([query]) => `${query} · ${cell.queryNote}`, color.data),
    tokenLine("key", [cell.key], ([key]) => `${key} · ${cell.keyNote}`, color.attention),
    { name: "weight", value: cell.weight, paint: color.now },
    { name: "", value: cell.weightNote, paint: color.muted },
  ];
}

function tokenLine(
  name: string,
  tokens: readonly string[],
  say: (tokens: readonly string[]) => string,
  paint: number,
  brief?: string,
): Line {
  const value = say(tokens.map((token) => `"${token}"`));
  return { name, value, paint, tokens, say, ...(brief && { brief }) };
}

function ofRow({ row, mode, window }: AttentionModel): Line[] {
  if (!row) return [];
  const query = row.made ? [row.queryLabel, row.made] : [row.queryLabel];
  const peak = probability(row.peakWeight);
  const lines: Line[] = [
    tokenLine("query", query, (tokens) => tokens.join(" → "), color.attention),
    tokenLine("strongest", [row.peakLabel], ([key]) => `${key} ${peak}`, color.now, "peak"),
  ];
  if (mode !== "max") lines.push({ name: "entropy", value: nats(row.entropy), paint: color.data });
  if (mode !== "max") lines.push({ name: "of the most", value: share(row.entropyShare), paint: color.data });
  if (!Number.isNaN(row.first)) {
    lines.push({ name: "first token", brief: "first", value: share(row.first), paint: color.data });
  }
  if (row.sink > 0) lines.push({ name: "sink", value: share(row.sink), paint: color.data });
  if (window > 0) lines.push({ name: "window", value: `${window} keys`, paint: color.data });
  return lines;
}
