import type { AppState } from "../../state/state";
import { floatsToHalves } from "../../telemetry/half";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import type { HeatRegion } from "../heat_store";
import type { Hits } from "../hits";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, glow, text } from "../theme";
import { type AttentionModel, focusOf, greatestEntropy, nats } from "./attention_model";

const MOST_LAYERS = 256;
const MOST_HEADS = 128;
/** Keeps the many half-focused heads from outshining the matrix. */
const CONTRAST = 2.1;
const CAPTION = 18;
const AXIS = 14;
const FOOTER = 16;
const MARGIN = 16;
const NOT_HERE = "The heads of this moment are not here yet, or not held any more.";

/** All layers × heads: each cell says how focused the head's row is. */
export class Overview {
  private readonly region: HeatRegion;
  private readonly values = new Float32Array(MOST_LAYERS * MOST_HEADS);
  private readonly halves = new Uint16Array(MOST_LAYERS * MOST_HEADS);
  private painted: HeadSummary | null = null;
  /** Where the cells were drawn last. */
  private cells: Rect = { x: 0, y: 0, width: 0, height: 0 };
  private layers = 0;
  private heads = 0;

  constructor(private readonly scene: Scene) {
    this.region = scene.heat.region(MOST_LAYERS, MOST_HEADS);
  }

  draw(state: AppState, summary: HeadSummary | null, model: AttentionModel, rect: Rect, hits: Hits): void {
    const { scene } = this;
    const keys = Math.round(Math.exp(greatestEntropy(summary?.position ?? 0, 0)));
    const note = summary ? `bright = focused · (1 − H / ln ${keys})^${CONTRAST}` : "";
    caption(scene, rect.x, rect.y + 10, rect.width, "LAYERS × HEADS", note);
    this.layers = Math.min(model.layers, MOST_LAYERS);
    this.heads = Math.min(model.heads, MOST_HEADS);
    if (this.layers === 0 || this.heads === 0) return;
    const height = rect.height - CAPTION - AXIS - FOOTER;
    this.cells = { x: rect.x + MARGIN, y: rect.y + CAPTION, width: rect.width - MARGIN, height };
    const { x, y, width } = this.cells;
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
    const every = [1, 2, 5, 10, 20, 50].find((step) => step * wide >= 24) ?? 100;
    for (let i = 0; i < layers; i++) {
      if (i !== layer && (i % every !== 0 || Math.abs(i - layer) * wide < 18)) continue;
      const paint = i === layer ? color.attention : color.muted;
      const x = cells.x + (i + 0.5) * wide;
      scene.text(x, cells.y + cells.height + 11, i.toString(), text.caption, paint, "center");
    }
    const rows = Math.max(1, Math.ceil(10 / tall));
    for (let i = 0; i < heads; i++) {
      if (i !== head && (i % rows !== 0 || Math.abs(i - head) * tall < 10)) continue;
      const paint = i === head ? color.attention : color.muted;
      scene.text(cells.x - 4, cells.y + (i + 0.5) * tall + 3.5, i.toString(), text.caption, paint, "right");
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

  private drawFooter(summary: HeadSummary | null, model: AttentionModel, rect: Rect): void {
    const { scene } = this;
    const y = rect.y + rect.height - 2;
    const used = scene.text(rect.x, y, "selected ", text.caption, color.muted);
    scene.text(rect.x + used, y, model.name, text.data, color.attention);
    const { row } = model;
    if (!row || !summary) return;
    const most = greatestEntropy(row.query, model.window);
    const right = `${nats(row.entropy).replace(" nats", "")} of ${most.toFixed(2)} nats`;
    const width = scene.text(rect.x + rect.width, y, right, text.data, color.data, "right");
    const room = rect.width - width - used - scene.measure(model.name, text.data) - 24;
    const label = "entropy of the row ";
    if (scene.measure(label, text.caption) <= room) {
      scene.text(rect.x + rect.width - width, y, label, text.caption, color.muted, "right");
    }
  }
}
