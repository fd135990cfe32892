import type { AppState } from "../../state/state";
import { floatsToHalves } from "../../telemetry/half";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import { palette } from "../color";
import type { HeatRegion } from "../heat_store";
import type { Hits } from "../hits";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { type AttentionModel, focusOf, greatestEntropy, nats, type RowFacts } from "./attention_model";

const MOST_LAYERS = 256;
const MOST_HEADS = 128;
/** Keeps the many half-focused heads from outshining the matrix. */
const CONTRAST = 2.1;
const CAPTION = 18;
const AXIS = 14;
const FOOTER = 16;
const MARGIN = 16;
/** Every how many layers one is numbered: the first that leaves room. */
const EVERY = [1, 2, 5, 10, 20, 50, 100];
/** Of a layer or head, and of the one on show. */
const NUMBERS = palette(color.muted, color.attention);
const NOT_HERE = "The heads of this moment are not here yet, or not held any more.";

/** All layers × heads: each cell says how focused the head's row is. */
export class Overview {
  private readonly region: HeatRegion;
  private readonly values = new Float32Array(MOST_LAYERS * MOST_HEADS);
  private readonly halves = new Uint16Array(MOST_LAYERS * MOST_HEADS);
  private painted: HeadSummary | null = null;
  /** Where the cells were drawn last. */
  private readonly cells = { x: 0, y: 0, width: 0, height: 0 };
  private layers = 0;
  private heads = 0;
  private said: RowFacts | null = null;
  private words = "";
  private noted = -1;
  private note = "";

  constructor(private readonly scene: Scene) {
    this.region = scene.heat.region(MOST_LAYERS, MOST_HEADS);
  }

  draw(state: AppState, summary: HeadSummary | null, model: AttentionModel, rect: Rect, hits: Hits): void {
    const { scene } = this;
    caption(scene, rect.x, rect.y + 10, rect.width, "LAYERS × HEADS", summary ? this.noteOf(summary) : "");
    this.layers = Math.min(model.layers, MOST_LAYERS);
    this.heads = Math.min(model.heads, MOST_HEADS);
    if (this.layers === 0 || this.heads === 0) return;
    const height = rect.height - CAPTION - AXIS - FOOTER;
    const { cells } = this;
    cells.x = rect.x + MARGIN;
    cells.y = rect.y + CAPTION;
    cells.width = rect.width - MARGIN;
    cells.height = height;
    const { x, y, width } = cells;
    scene.rect(x, y, width, height, color.well);
    if (summary) {
      this.paint(state, summary);
      scene.heatmap(x, y, width, height, this.region, this.layers, this.heads, 1);
    } else if (model.query >= 0) {
      scene.textWithin(x + 8, y + height / 2, width - 16, NOT_HERE, text.caption, color.muted);
    }
    this.drawAxes(model);
    this.drawSelected(model);
    hits.add("head", -1, x, y, width, height);
    this.drawFooter(summary, model, rect);
  }

  private noteOf({ position }: HeadSummary): string {
    if (position !== this.noted) {
      const keys = Math.round(Math.exp(greatestEntropy(position, 0)));
      this.note = `bright = focused · (1 − H / ln ${keys})^${CONTRAST}`;
    }
    this.noted = position;
    return this.note;
  }

  /** The head under a place of the overview. */
  at(x: number, y: number): { layer: number; head: number } | null {
    const { cells, layers, heads } = this;
    if (cells.width <= 0 || cells.height <= 0) return null;
    const layer = Math.floor(((x - cells.x) / cells.width) * layers);
    const head = Math.floor(((y - cells.y) / cells.height) * heads);
    if (layer < 0 || head < 0 || layer >= layers || head >= heads) return null;
    return { layer, head };
  }

  private paint(state: AppState, summary: HeadSummary): void {
    if (summary === this.painted) return;
    this.painted = summary;
    const { layers, heads } = this;
    const perLayer = state.model?.n_head ?? heads;
    const windows = state.model?.windows.data;
    for (let layer = 0; layer < layers; layer++) {
      for (let head = 0; head < heads; head++) {
        const focus = focusOf(summary, layer * perLayer + head, windows?.[layer] ?? 0);
        this.values[head * layers + layer] = focus ** CONTRAST;
      }
    }
    floatsToHalves(this.values, layers * heads, this.halves);
    this.scene.heat.write(this.region, this.halves, layers, heads);
  }

  private drawAxes({ layer, head }: AttentionModel): void {
    const { scene, cells, layers, heads } = this;
    const wide = cells.width / layers;
    const tall = cells.height / heads;
    const { at } = scene;
    let step = 0;
    while (step < EVERY.length - 1 && EVERY[step]! * wide < 24) step++;
    const every = EVERY[step]!;
    for (let i = 0; i < layers; i++) {
      if (i !== layer && (i % every !== 0 || Math.abs(i - layer) * wide < 18)) continue;
      at[0] = cells.x + (i + 0.5) * wide;
      at[1] = cells.y + cells.height + 11;
      scene.textAt(String(i), text.caption, NUMBERS[i === layer ? 1 : 0]!, "center");
    }
    const rows = Math.max(1, Math.ceil(10 / tall));
    for (let i = 0; i < heads; i++) {
      if (i !== head && (i % rows !== 0 || Math.abs(i - head) * tall < 10)) continue;
      at[0] = cells.x - 4;
      at[1] = cells.y + (i + 0.5) * tall + 3.5;
      scene.textAt(String(i), text.caption, NUMBERS[i === head ? 1 : 0]!, "right");
    }
  }

  private drawSelected({ layer, head, mode }: AttentionModel): void {
    const { scene, cells, layers, heads } = this;
    if (layer >= layers) return;
    const left = Math.round(cells.x + (layer * cells.width) / layers);
    const right = Math.round(cells.x + ((layer + 1) * cells.width) / layers);
    const one = mode === "head" && head < heads;
    const top = one ? Math.round(cells.y + (head * cells.height) / heads) : cells.y;
    const bottom = one ? Math.round(cells.y + ((head + 1) * cells.height) / heads) : cells.y + cells.height;
    const paint = color.attention;
    scene.box(
      left - 1,
      top - 1,
      right - left + 1,
      bottom - top + 1,
      color.clear,
      paint,
      1.25,
      glow.bracket,
      paint,
      1,
    );
  }

  /** The row's entropy, and the most it could be: the same words until the row is another. */
  private entropyOf({ window }: AttentionModel, row: RowFacts): string {
    if (row !== this.said) {
      const most = greatestEntropy(row.query, window);
      this.words = `${nats(row.entropy).replace(" nats", "")} of ${most.toFixed(2)} nats`;
    }
    this.said = row;
    return this.words;
  }

  private drawFooter(summary: HeadSummary | null, model: AttentionModel, rect: Rect): void {
    const { scene } = this;
    const y = rect.y + rect.height - 2;
    const used = scene.text(rect.x, y, "selected ", text.caption, color.muted);
    scene.text(rect.x + used, y, model.name, text.data, color.attention);
    const { row } = model;
    if (!row || !summary) return;
    const right = this.entropyOf(model, row);
    const width = scene.text(rect.x + rect.width, y, right, text.data, color.data, "right");
    const room = rect.width - width - used - scene.measure(model.name, text.data) - 24;
    const label = "entropy of the row ";
    if (scene.measure(label, text.caption) <= room) {
      scene.text(rect.x + rect.width - width, y, label, text.caption, color.muted, "right");
    }
  }
}
