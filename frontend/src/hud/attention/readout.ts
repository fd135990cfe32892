import { probability } from "../format";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, text } from "../theme";
import { type AttentionModel, type CellFacts, nats, peakFacts, share } from "./attention_model";
import { drawLargeReadout, LARGE_READOUT } from "./readout_large";

const LINE = 15;

/** A line of the readout: a name, and what it says, in its colour. */
interface Line {
  readonly name: string;
  /** Instead of the name where that has no room. */
  readonly brief?: string;
  readonly value: string;
  readonly paint: number;
}

/** What stands in the empty half of the matrix: the row on show, or the cell that is pointed at. */
export function drawReadout(
  scene: Scene,
  model: AttentionModel,
  cell: CellFacts | null,
  plot: Rect,
  over: boolean,
): void {
  const large = cell ?? (model.row ? peakFacts(model.row) : null);
  if (plot.width >= LARGE_READOUT && large) {
    drawLargeReadout(scene, model, large, plot, over);
    return;
  }
  const lines = cell ? ofCell(cell) : ofRow(model);
  const right = plot.x + plot.width - 10;
  if (over && lines.length > 0) {
    // Zoomed in, there need not be an empty half.
    const width = Math.min(plot.width - 12, 210);
    scene.rect(plot.x + plot.width - width - 4, plot.y + 4, width, lines.length * LINE + 8, color.focus);
  }
  // The diagonal leaves less room the further down a line stands.
  const fits = over ? lines.length : Math.max(2, Math.floor((plot.height * 0.42) / LINE));
  lines.slice(0, fits).forEach((line, i) => {
    const y = plot.y + 18 + i * LINE;
    const room = over ? Math.min(plot.width, 210) - 24 : plot.width - (y - plot.y) - 24;
    const value = scene.cut(Math.max(room, 40), line.value, text.data);
    const used = scene.text(right, y, value, text.data, line.paint, "right");
    const fitting = [line.name, line.brief ?? ""].find(
      (name) => used + scene.measure(name, text.caption) + 8 <= room,
    );
    if (fitting) scene.text(right - used - 8, y, fitting, text.caption, color.muted, "right");
  });
}

function ofCell(cell: CellFacts): Line[] {
  return [
    { name: "query", value: `"${cell.query}" · ${cell.queryNote}`, paint: color.data },
    { name: "key", value: `"${cell.key}" · ${cell.keyNote}`, paint: color.attention },
    { name: "weight", value: cell.weight, paint: color.now },
    { name: "", value: cell.weightNote, paint: color.muted },
  ];
}

function ofRow({ row, mode, window }: AttentionModel): Line[] {
  if (!row) return [];
  const query = row.made ? `"${row.queryLabel}" → "${row.made}"` : `"${row.queryLabel}"`;
  const lines: Line[] = [
    { name: "query", value: query, paint: color.attention },
    {
      name: "strongest",
      brief: "peak",
      value: `"${row.peakLabel}" ${probability(row.peakWeight)}`,
      paint: color.now,
    },
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
