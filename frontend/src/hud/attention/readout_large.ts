import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import type { HudUi } from "../ui";
import { type AttentionModel, type CellFacts, nats, share } from "./attention_model";

/** Width of a matrix that has room for it. */
export const LARGE_READOUT = 560;

const PAD = 24;
const NAME = 74;
const NEXT = "makes next";
const NOTHING: readonly string[] = [];

/**
 * The readout where there is room: query, key and weight in large type, the row's facts below. `pointed`: of a cell
 * under the pointer. Returns what was cut of that, or of the line under the pointer: whole.
 */
export function drawLargeReadout(
  scene: Scene,
  model: AttentionModel,
  cell: CellFacts,
  pointed: boolean,
  plot: Rect,
  over: boolean,
  { pointerX, pointerY }: HudUi,
): readonly string[] {
  let whole = NOTHING;
  const width = Math.round(plot.width * 0.42);
  const x = plot.x + plot.width - PAD - width;
  // Zoomed in, there need not be an empty half.
  if (over) scene.rect(x - 14, plot.y + 8, width + 28, 196, color.focus);
  const right = x + width;
  const line = (y: number, name: string, value: string, paint: number, note: string): void => {
    scene.text(x, y, name, text.label, color.muted);
    const noted = scene.text(right, y, note, text.caption, color.muted, "right");
    const room = width - NAME - noted - 12;
    scene.textWithin(x + NAME, y, room, value, text.largeToken, paint);
    const under = pointerX >= x && pointerX < right && pointerY >= y - 16 && pointerY < y + 6;
    if ((pointed || under) && scene.measure(value, text.largeToken) > room)
      whole = [...whole, `${name.toLowerCase()} ${value} · ${note}`];
  };
  let y = plot.y + 30;
  line(y, "QUERY", `"${cell.query}"`, color.data, cell.queryNote);
  y += 24;
  line(y, "KEY", `"${cell.key}"`, color.attention, cell.keyNote);
  y += 36;
  scene.text(x, y, "WEIGHT", text.label, color.muted);
  const used = scene.text(x + NAME, y, cell.weight, text.number, color.now);
  scene.textWithin(
    x + NAME + used + 12,
    y,
    width - NAME - used - 12,
    cell.weightNote,
    text.caption,
    color.muted,
  );
  y += 16;
  scene.rect(x, y, width, 1, color.rule);
  const made = drawFacts(scene, model, x, y + 20, width);
  if (
    made > 0 &&
    !pointed &&
    pointerX >= x &&
    pointerX < right &&
    pointerY >= made - 12 &&
    pointerY < made + 6
  )
    whole = [...whole, `${NEXT} "${model.row!.made}"`];
  return whole;
}

/** Returns the baseline of the token made next where that is cut; else 0. */
function drawFacts(
  scene: Scene,
  { row, mode, window }: AttentionModel,
  x: number,
  y: number,
  width: number,
): number {
  if (!row) return 0;
  const facts: [string, string][] = [];
  if (mode !== "max") {
    facts.push(["entropy", nats(row.entropy)], ["of the most", share(row.entropyShare)]);
  }
  if (!Number.isNaN(row.first)) facts.push(["first token", share(row.first)]);
  if (row.sink > 0) facts.push(["sink", share(row.sink)]);
  if (window > 0) facts.push(["window", `${window} keys`]);
  const half = (width - 24) / 2;
  const fact = (i: number, name: string, value: string, paint: number): void => {
    const left = x + (i % 2) * (half + 24);
    const down = y + Math.floor(i / 2) * 20;
    scene.text(left, down, name, text.caption, color.muted);
    scene.text(left + half, down, value, text.data, paint, "right");
  };
  facts.forEach(([name, value], i) => {
    fact(i, name, value, color.data);
  });
  if (!row.made) return 0;
  const room = half - scene.measure(NEXT, text.caption) - 8;
  const made = `"${row.made}"`;
  if (scene.measure(made, text.data) <= room) {
    fact(facts.length, NEXT, made, color.now);
    return 0;
  }
  // A line of its own.
  const down = y + Math.ceil(facts.length / 2) * 20;
  const used = scene.text(x, down, NEXT, text.caption, color.muted);
  const shown = scene.cutMiddle(width - used - 8, made, text.data);
  scene.text(x + width, down, shown, text.data, color.now, "right");
  return shown === made ? 0 : down;
}
