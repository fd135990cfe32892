import type { AppState } from "../../state/state";
import { floatToHalf } from "../../telemetry/half";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import { axisLabel, promptLength } from "../attention/tokens";
import { fade } from "../color";
import { count, probability } from "../format";
import { HEAT_EDGE, type HeatRegion } from "../heat_store";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, glow, text } from "../theme";
import { cellsPerTick, positionInCell } from "./kv_model";
import { OUT_OF_WINDOW } from "./kv_ring";
import type { KvOwn } from "./kv_shown";

const CAPTION = 20;
/** Row numbers at the left. */
const NUMBERS = 34;
/** A cell this large has its token written in it; taller ones its number and weight below. */
const WORD_WIDTH = 44;
const WORD_HEIGHT = 14;
const TWO_LINES = 32;
/** Width of such a cell by its height, about. */
const WORD_SHAPE = 2.6;
/** Where there are words, a cell is no taller. */
const TALLEST = 72;
/** Cells without words: so many in a row, and rows. */
const MAP_COLUMNS = 128;
const MAP_ROWS = 256;
/** As the spikes' length: √attention. */
const ROOT = 0.5;
const NOT_A_NUMBER = 0x7e00;
const NO_TOKEN = -1;

const FREE = fade(color.data, 0.05);
const LIT = fade(color.data, 0.42);
const GROUND = 0.1;
const STRONGEST = fade(color.now, 0.9);

/** Cells of the selected layer in rows: what token each holds, and how the selected head looks at it. */
export class KvGrid {
  private columns = 1;
  private rows = 1;
  private words = false;
  /** Cells in one square: more than one where a square for each would be too many. */
  private per = 1;
  private squares = 0;
  private strongest = -1;
  private note = "";
  private area: Rect = { x: 0, y: 0, width: 1, height: 1 };
  /** Positions of the prompt. */
  private prompt = 0;
  private labels: string[] = [];
  private numbers: string[] = [];
  private shown: string[] = [];
  private positions = new Int32Array(0);
  private weights = new Float32Array(0);
  private readonly seen = new Seen();
  private readonly region: HeatRegion;

  constructor(private readonly scene: Scene) {
    this.region = scene.heat.region(MAP_COLUMNS, MAP_ROWS);
  }

  draw(state: AppState, cache: CacheStatus, own: KvOwn, rect: Rect): void {
    this.follow(state, cache, own, rect);
    caption(this.scene, rect.x, rect.y + 11, rect.width, "CELLS", this.note);
    this.drawNumbers();
    if (this.words) for (let i = 0; i < this.squares; i++) this.drawWord(own, i);
    else this.drawMap(own);
  }

  /** The cell under a point; the first of those that share a square, -1 elsewhere. */
  cellAt(x: number, y: number): number {
    const { area, columns, rows } = this;
    const column = Math.floor(((x - area.x) / area.width) * columns);
    const row = Math.floor(((y - area.y) / area.height) * rows);
    const inside = column >= 0 && column < columns && row >= 0 && row < rows;
    const square = row * columns + column;
    return inside && square < this.squares ? square * this.per : -1;
  }

  private follow(state: AppState, cache: CacheStatus, own: KvOwn, rect: Rect): void {
    const { seen } = this;
    seen.begin();
    seen.value(own);
    seen.value(rect);
    seen.value(state.vocabulary);
    if (!seen.changed) return;
    this.prompt = promptLength(state);
    this.per = cellsPerTick(own.zoom, MAP_COLUMNS * MAP_ROWS);
    this.squares = Math.ceil(own.zoom / this.per);
    this.layOut(rect);
    this.read(state, cache, own);
    const { cells } = own.model;
    const lit = own.row ? "lit to √attention" : "no row of attention";
    const joined = this.per > 1 ? `${this.per} a square · ` : "";
    this.note = `0–${count(own.zoom - 1)} of ${count(cells)} · ${joined}${lit}`;
  }

  /** As many columns as give squares their shape: that of a word where there is room for words. */
  private layOut(rect: Rect): void {
    const x = rect.x + NUMBERS;
    const y = rect.y + CAPTION;
    const width = rect.width - NUMBERS;
    const height = rect.height - CAPTION;
    const columnsOf = (shape: number): number =>
      Math.max(1, Math.round(Math.sqrt((this.squares * width) / (height * shape))));
    this.columns = Math.max(2, columnsOf(WORD_SHAPE) & ~1);
    this.rows = Math.ceil(this.squares / this.columns);
    const tall = Math.min(height / this.rows, TALLEST);
    this.words = width / this.columns >= WORD_WIDTH && tall >= WORD_HEIGHT;
    if (!this.words) {
      this.columns = Math.min(2 ** Math.round(Math.log2(columnsOf(1))), MAP_COLUMNS);
      this.columns = Math.max(this.columns, Math.ceil(this.squares / MAP_ROWS));
      this.rows = Math.ceil(this.squares / this.columns);
    }
    this.area = { x, y, width, height: this.words ? tall * this.rows : height };
  }

  /** What every square holds, and the greatest weight in it. */
  private read(state: AppState, cache: CacheStatus, { model, row, zoom }: KvOwn): void {
    const { squares, per } = this;
    this.positions = new Int32Array(squares).fill(NO_TOKEN);
    this.weights = new Float32Array(squares);
    for (let cell = 0; cell < zoom; cell++) {
      const position = positionInCell(cache, model, cell);
      if (position < 0) continue;
      const square = Math.floor(cell / per);
      this.positions[square] = position;
      if (row && position <= row.query)
        this.weights[square] = Math.max(this.weights[square]!, row.weight(position));
    }
    this.strongest = -1;
    for (let i = 1; i < squares; i++)
      if (this.weights[i]! > (this.weights[this.strongest] ?? 0)) this.strongest = i;
    if (this.words) this.write(state, row !== null);
    else this.fill();
  }

  private write(state: AppState, known: boolean): void {
    const { positions, weights } = this;
    this.labels = Array.from(positions, (position) => (position < 0 ? "" : axisLabel(state, position)));
    this.numbers = Array.from(positions, (_, i) => count(i));
    this.shown = Array.from(weights, (weight, i) => (known && positions[i]! >= 0 ? probability(weight) : ""));
  }

  private fill(): void {
    const { columns, rows, region, positions, weights } = this;
    const { values } = this.scene.heat;
    for (let i = 0; i < columns * rows; i++) {
      const held = i < this.squares && positions[i]! >= 0;
      const at = (region.y + Math.floor(i / columns)) * HEAT_EDGE + region.x + (i % columns);
      values[at] = held ? floatToHalf(weights[i]!) : NOT_A_NUMBER;
    }
    this.scene.heat.touch(region, 0, rows);
  }

  /** The first cell of every so many rows. */
  private drawNumbers(): void {
    const { scene, area, rows, columns, per } = this;
    const pitch = area.height / rows;
    const every = Math.max(1, Math.ceil(14 / pitch));
    for (let row = 0; row < rows; row += every) {
      const y = area.y + (row + 0.5) * pitch + 4;
      scene.text(area.x - 8, y, count(row * columns * per), text.caption, color.muted, "right");
    }
  }

  private drawWord({ model }: KvOwn, i: number): void {
    const { scene, area, columns, rows } = this;
    const pitch = area.height / rows;
    const x = Math.round(area.x + (i % columns) * (area.width / columns));
    const right = Math.round(area.x + ((i % columns) + 1) * (area.width / columns));
    const y = Math.round(area.y + Math.floor(i / columns) * pitch);
    const width = right - x - 3;
    const height = Math.round(pitch) - 3;
    const position = this.positions[i]!;
    if (position < 0) scene.rect(x, y, width, height, FREE);
    else {
      const live = position >= model.offset;
      const tone = this.toneOf(position);
      scene.rect(x, y, width, height, fade(tone, live ? GROUND : GROUND * OUT_OF_WINDOW));
      const lit = Math.sqrt(this.weights[i]!) * width;
      if (lit >= 0.5) scene.gradient(x, y, lit, height, fade(LIT, 0.5), LIT);
      if (lit >= 2) scene.rect(x + lit - 1, y, 1, height, color.data);
      scene.rect(x, y + height - 1, width, 1, live ? tone : fade(tone, OUT_OF_WINDOW));
      this.drawText(i, x, y, width, height, live);
    }
    if (i === this.strongest)
      scene.box(x, y, width, height, color.clear, STRONGEST, 1, glow.bracket, color.data);
    if (i !== model.writeHead) return;
    scene.box(x, y, width, height, color.clear, color.attention, 1.25, glow.bracket, color.attention);
    const base = y + Math.round(height / 2) + 4;
    scene.textWithin(x + 6, base, width - 8, "next", text.data, color.attention);
  }

  private drawText(i: number, x: number, y: number, width: number, height: number, live: boolean): void {
    const { scene } = this;
    const two = height >= TWO_LINES;
    const style = two ? text.largeToken : text.data;
    const base = two ? y + Math.round(height / 2) - 1 : y + Math.round(height / 2) + 4;
    const paint = i === this.strongest ? color.now : live ? color.words : color.muted;
    scene.textWithin(x + 5, base, width - 8, this.labels[i]!, style, paint);
    if (!two) return;
    const low = y + height - 6;
    scene.text(x + 5, low, this.numbers[i]!, text.word, color.muted);
    scene.text(x + width - 5, low, this.shown[i]!, text.word, live ? color.data : color.muted, "right");
  }

  private drawMap({ model }: KvOwn): void {
    const { scene, area, columns, rows, per } = this;
    const wide = area.width / columns;
    const high = area.height / rows;
    scene.rect(area.x, area.y, area.width, area.height, FREE);
    scene.heatmap(area.x, area.y, area.width, area.height, this.region, columns, rows, ROOT);
    for (let s = 0; s < model.spans.length; s++) {
      const { from, to, tone, live } = model.spans[s]!;
      const paint = tone === "prompt" ? color.prompt : color.data;
      const last = (to - 1) / per;
      for (let row = Math.floor(from / per / columns); row * columns <= last; row++) {
        const first = Math.max(Math.floor(from / per) - row * columns, 0);
        const end = Math.min(Math.floor(last) + 1 - row * columns, columns);
        const y = area.y + (row + 1) * high - 2;
        scene.rect(
          area.x + first * wide,
          y,
          (end - first) * wide,
          1,
          live ? paint : fade(paint, OUT_OF_WINDOW),
        );
      }
    }
    this.mark(Math.floor(model.writeHead / per), color.attention);
    this.mark(this.strongest, color.now);
  }

  private mark(square: number, paint: number): void {
    const { area, columns, rows } = this;
    if (square < 0 || square >= this.squares) return;
    const wide = area.width / columns;
    const high = area.height / rows;
    const x = area.x + (square % columns) * wide;
    const y = area.y + Math.floor(square / columns) * high;
    this.scene.box(x - 1, y - 1, wide + 2, high + 2, color.clear, paint, 1.25, glow.bracket, paint);
  }

  /** Of the prompt or of the answer. */
  private toneOf(position: number): number {
    return position < this.prompt ? color.prompt : color.data;
  }
}
