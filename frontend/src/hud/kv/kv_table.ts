import type { AppState } from "../../state/state";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import { promptLength } from "../attention/tokens";
import { fade } from "../color";
import { bytes, count } from "../format";
import type { Hits } from "../hits";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, text } from "../theme";
import { TABLE } from "./kv_layers";
import { type KvModel, kvModel, zoomCells } from "./kv_model";
import { OUT_OF_WINDOW } from "./kv_ring";

const NOTE = "thin bar: bytes of all cells, lit as far as in use";
const HEAD = 40;
const FOOT = 26;
/** Half a dozen layers leave no half of a tall panel empty. */
const TALLEST = 150;
const TALLEST_BAR = 40;
const LETTER = 12;
/** From here on a row has room for a second bar. */
const TWO_BARS = 24;
const GAP = 14;
/** Widths of the columns: a layer's number, cells, bytes, the window. */
const NUMBER = 22;
const CELLS = 88;
const FEW_CELLS = 40;
const BYTES = 62;
const WINDOW = 44;
/** A table this wide has keys and values apart. */
const ROOMY = 520;
const CHOSEN = fade(color.attention, 0.12);
const OVER = fade(color.data, 0.07);
const KEYS = fade(color.prompt, 0.9);
const VALUES = fade(color.data, 0.9);

/** A layer's row, in words. */
interface Row {
  readonly layer: string;
  /** Null where the layer keeps nothing. */
  readonly model: KvModel | null;
  /** Bytes reserved, as a share of the layer that reserves most. */
  readonly reserved: number;
  readonly used: string;
  readonly ofCells: string;
  readonly keys: string;
  readonly values: string;
  readonly both: string;
  readonly window: string;
}

/** Every layer's cache side by side: which cells are in use and can be seen, on one scale, and what they take. */
export class KvTable {
  private rows: readonly Row[] = [];
  /** Cells that the bars show, from the first on. */
  private scale = 1;
  private scaleShown = "";
  private total = "";
  private readonly seen = new Seen();
  private place: Rect = { x: 0, y: 0, width: 0, height: 0 };
  private pitch = 1;

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, cache: CacheStatus, rect: Rect, hits: Hits, px: number, py: number): void {
    this.follow(cache, promptLength(state));
    const { scene, rows } = this;
    const height = rect.height - HEAD - FOOT;
    this.pitch = Math.min(height / Math.max(rows.length, 1), TALLEST);
    this.place = { x: rect.x, y: rect.y + HEAD, width: rect.width, height: this.pitch * rows.length };
    hits.add("layer", TABLE, rect.x, this.place.y, rect.width, this.place.height);
    caption(scene, rect.x, rect.y + 11, rect.width, "BY LAYER", NOTE);
    const roomy = rect.width >= ROOMY;
    const right = rect.x + rect.width;
    const numbers = WINDOW + (roomy ? CELLS + 2 * BYTES + 2 * GAP : FEW_CELLS + BYTES + GAP) + 2 * GAP;
    const bar = { x: rect.x + NUMBER, width: rect.width - NUMBER - numbers };
    this.drawHead(rect.y + HEAD - 8, rect.x, bar.x, bar.width, right, roomy);
    const at = cache.layer.data.indexOf(state.selection.layer);
    const over = this.isOver(px, py) ? this.rowAt(py) : -1;
    const every = Math.max(1, Math.ceil(LETTER / this.pitch));
    for (let i = 0; i < rows.length; i++) {
      const y = Math.round(this.place.y + i * this.pitch);
      const ground = i === at ? CHOSEN : i === over ? OVER : color.clear;
      if (ground !== color.clear) scene.rect(rect.x - 6, y, rect.width + 12, Math.max(this.pitch, 3), ground);
      if (i === at) scene.rect(rect.x - 8, y, 2, Math.max(this.pitch, 3), color.attention);
      this.drawBars(rows[i]!, bar.x, bar.width, y);
      if (i !== at && (i % every !== 0 || Math.abs(i - at) < every)) continue;
      this.drawNumbers(rows[i]!, rect.x, right, y, roomy, i === at);
    }
    const foot = this.place.y + this.place.height + 18;
    scene.rect(rect.x, foot - 14, rect.width, 1, color.rule);
    scene.text(right, foot, this.total, text.data, color.words, "right");
  }

  /** The row of a layer at a height; below the last one it is more than there are. */
  rowAt(y: number): number {
    return Math.floor((y - this.place.y) / this.pitch);
  }

  /** What is told of the layer under a point; null elsewhere. */
  told(x: number, y: number): readonly string[] | null {
    const row = this.isOver(x, y) ? this.rows[this.rowAt(y)] : undefined;
    if (!row) return null;
    const { model, layer, window, ofCells } = row;
    if (!model) return [`layer ${layer}`, "keeps no keys and values"];
    const sees = model.window > 0 ? `looks back ${window} positions` : "looks back at all positions";
    const lines = [`layer ${layer}`, model.rotating ? `${sees} · rotating` : sees, `${ofCells} cells in use`];
    return [...lines, `keys ${model.keys}`, `values ${model.values}`];
  }

  private isOver(x: number, y: number): boolean {
    const { place } = this;
    return x >= place.x && x < place.x + place.width && y >= place.y && y < place.y + place.height;
  }

  private follow(cache: CacheStatus, prompt: number): void {
    const { seen } = this;
    seen.begin();
    seen.value(cache);
    seen.value(prompt);
    if (!seen.changed) return;
    const models = modelsOf(cache, prompt);
    const reserved = models.map((_, row) =>
      Number(cache.key_bytes.data[row]! + cache.value_bytes.data[row]!),
    );
    const most = Math.max(...reserved, 1);
    this.rows = models.map((model, row) =>
      rowOf(cache.layer.data[row]!, model, model ? reserved[row]! / most : 0),
    );
    const used = Math.max(...models.map((model) => model?.used ?? 0), 1);
    this.scale = zoomCells(used, Math.max(...models.map((model) => model?.cells ?? 1), 1));
    this.scaleShown = `cells 0–${count(this.scale - 1)}`;
    const sum = (of: (model: KvModel) => number): string =>
      bytes(models.reduce((all, model) => all + (model ? of(model) : 0), 0));
    this.total = `K ${sum((model) => model.keysUsed)} · V ${sum((model) => model.valuesUsed)} of ${bytes(cache.memory_bytes)}`;
  }

  private drawHead(y: number, left: number, x: number, width: number, right: number, roomy: boolean): void {
    const { scene } = this;
    const paint = color.muted;
    scene.text(left, y, "L", text.caption, paint);
    scene.textWithin(x, y, width, this.scaleShown, text.caption, paint);
    const values = right - WINDOW - GAP;
    scene.text(right, y, "window", text.caption, paint, "right");
    const keys = roomy ? values - BYTES - GAP : values;
    if (roomy) scene.text(values, y, "values", text.caption, paint, "right");
    scene.text(keys, y, roomy ? "keys" : "K + V", text.caption, paint, "right");
    scene.text(keys - BYTES - GAP, y, "used", text.caption, paint, "right");
    scene.rect(left, y + 5, right - left, 1, color.rule);
  }

  private drawBars({ model, reserved }: Row, x: number, width: number, y: number): void {
    const { scene, pitch, scale } = this;
    const two = pitch >= TWO_BARS;
    const tall = Math.max(Math.min(Math.round(pitch * (two ? 0.36 : 0.6)), TALLEST_BAR), 1);
    const top = Math.round(y + (pitch - tall - (two ? 7 : 0)) / 2);
    if (!model) {
      scene.hatch(x, top, width, tall, color.track, color.clear, 4);
      return;
    }
    const each = width / scale;
    const cells = Math.min(model.cells, scale) * each;
    scene.rect(x, top, cells, tall, color.track);
    // A cache that ends within the scale ends with an edge.
    if (model.cells < scale) scene.rect(x + cells, top - 1, 1, tall + 2, color.muted);
    for (let i = 0; i < model.spans.length; i++) {
      const { from, to, tone, live } = model.spans[i]!;
      const paint = tone === "prompt" ? color.prompt : color.data;
      const wide = Math.max((to - from) * each, 1);
      scene.rect(x + from * each, top, wide, tall, live ? paint : fade(paint, OUT_OF_WINDOW));
    }
    if (model.window > 0 && !model.rotating) {
      const from = Math.min(model.offset, scale) * each;
      const to = Math.min(model.offset + model.window, model.cells, scale) * each;
      scene.rect(x + from, top - 3, to - from, 1, color.now);
    }
    if (model.writeHead >= 0 && model.writeHead < scale)
      scene.rect(
        x + model.writeHead * each,
        top - 2,
        Math.max(Math.min(each, 2), 1),
        tall + 4,
        color.attention,
      );
    if (two) this.drawBytes(model, x, top + tall + 4, width * reserved);
  }

  /** Of all that the layer reserves: keys in use, then values. */
  private drawBytes(
    { keysUsed, valuesUsed, used, cells }: KvModel,
    x: number,
    y: number,
    width: number,
  ): void {
    const { scene } = this;
    const lit = (width * used) / cells;
    const keys = (lit * keysUsed) / (keysUsed + valuesUsed || 1);
    scene.rect(x, y, width, 3, color.track);
    scene.rect(x, y, keys, 3, KEYS);
    scene.rect(x + keys, y, lit - keys, 3, VALUES);
  }

  private drawNumbers(
    row: Row,
    left: number,
    right: number,
    y: number,
    roomy: boolean,
    chosen: boolean,
  ): void {
    const { scene } = this;
    const base = y + Math.round(this.pitch / 2) + 4;
    const paint = chosen ? color.attention : color.words;
    scene.text(left, base, row.layer, text.data, paint);
    const windowed = (row.model?.window ?? 0) > 0;
    scene.text(right, base, row.window, text.data, windowed ? color.now : color.muted, "right");
    const values = right - WINDOW - GAP;
    const keys = roomy ? values - BYTES - GAP : values;
    if (roomy) scene.text(values, base, row.values, text.data, color.data, "right");
    scene.text(
      keys,
      base,
      roomy ? row.keys : row.both,
      text.data,
      roomy ? color.prompt : color.data,
      "right",
    );
    scene.text(keys - BYTES - GAP, base, roomy ? row.ofCells : row.used, text.data, paint, "right");
  }
}

/** The model of each layer's cache. Layers that keep the same have one: a long cache takes time to go through. */
function modelsOf(cache: CacheStatus, prompt: number): (KvModel | null)[] {
  const { max_len, seq_len, offset, window, write_head, key_bytes, value_bytes, rotating } = cache;
  const kept = [max_len, seq_len, offset, window, write_head, key_bytes, value_bytes, rotating];
  const made = new Map<string, KvModel | null>();
  return Array.from(cache.layer.data, (layer, row) => {
    const key = kept.map((one) => one?.data[row]).join();
    if (!made.has(key)) made.set(key, kvModel(cache, layer, prompt));
    return made.get(key)!;
  });
}

function rowOf(layer: number, model: KvModel | null, reserved: number): Row {
  const named = { layer: String(layer), model, reserved };
  if (!model) return { ...named, used: "–", ofCells: "–", keys: "–", values: "–", both: "–", window: "none" };
  return {
    ...named,
    used: count(model.used),
    ofCells: `${count(model.used)} / ${count(model.cells)}`,
    keys: bytes(model.keysUsed),
    values: bytes(model.valuesUsed),
    both: bytes(model.keysUsed + model.valuesUsed),
    window: model.window > 0 ? count(model.window) : "all",
  };
}
