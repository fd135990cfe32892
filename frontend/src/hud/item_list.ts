import type { Glyphs } from "../text/glyphs";
import type { Color } from "./color";
import { COLORS, FORM, ITEM_WORDS, KIND, MORE, PLACE, SHADER_OF, type Shader, Shape } from "./items";

/** Shapes and glyphs have a half of the items each. */
export const MOST_ITEMS = 24576;
const HALF = MOST_ITEMS / 2;
export const MOST_CLIPS = 1024;
const MOST_RUNS = 4096;

/** Items that one draw call can draw: neighbours in order, of one shader. */
export interface Run {
  shader: Shader;
  first: number;
  count: number;
}

/**
 * The storage of a scene: fixed-capacity lists of items, their clips, and the runs that draw them. Nothing is
 * allocated while a frame is built. What does not fit is counted in `overflow` and left out.
 *
 * Shapes are drawn in order, and the text of a layer over its shapes: so there are few draw calls.
 */
export class ItemList {
  readonly words = new Uint32Array(MOST_ITEMS * ITEM_WORDS);
  protected readonly floats = new Float32Array(this.words.buffer);
  readonly clips = new Float32Array(MOST_CLIPS * 4);
  /** The same bits, to compare and to send. */
  readonly clipWords = new Uint32Array(this.clips.buffer);
  readonly runs: Run[] = Array.from({ length: MOST_RUNS }, () => ({ shader: "fill", first: 0, count: 0 }));
  runCount = 0;
  /** Device pixels per logical pixel. */
  scale = 1;
  shapeCount = 0;
  glyphCount = 0;
  clipCount = 0;
  /** Items that found no room this frame. */
  overflow = 0;
  /**
   * Where the next shape or line of text stands: x, y, width, height. Those who draw many write it and call
   * `fillAt`, `boxAt` or `textAt`: a fraction that is handed to a function costs a heap number, and this none.
   */
  readonly at = new Float64Array(4);
  private clip = 0;
  /** The clips around, and how many they are: a list that is emptied lets its room go, and takes it anew. */
  private readonly clipStack: number[] = [];
  private clipDepth = 0;
  /** Glyphs that already have a run. */
  private glyphsRun = 0;
  /** A new layer: the next shape may not join the run before. */
  private fresh = true;

  constructor(readonly glyphs: Glyphs) {}

  get count(): number {
    return this.shapeCount + this.glyphCount;
  }

  /** Begins a frame of `width` x `height` logical pixels. */
  reset(width: number, height: number, scale: number): void {
    if (scale !== this.scale) this.glyphs.clear();
    this.glyphs.frame++;
    this.scale = scale;
    this.shapeCount = 0;
    this.glyphCount = 0;
    this.glyphsRun = 0;
    this.runCount = 0;
    this.fresh = true;
    this.overflow = 0;
    this.clipCount = 0;
    this.clipDepth = 0;
    this.clip = this.addClip();
    this.clips.fill(0, 0, 2);
    this.clips[2] = width;
    this.clips[3] = height;
  }

  /** What follows lies over everything so far, its text too. Also ends a frame. */
  endLayer(): void {
    if (this.glyphCount > this.glyphsRun) {
      const added = this.glyphCount - this.glyphsRun;
      if (!this.addRun("text", HALF + this.glyphsRun, added)) this.overflow += added;
      this.glyphsRun = this.glyphCount;
    }
    this.fresh = true;
  }

  /** All until `popClip` is cut at this rectangle, and at the ones around it. */
  pushClip(x: number, y: number, width: number, height: number): void {
    this.clipStack[this.clipDepth++] = this.clip;
    const c = this.clips;
    const o = this.clip * 4;
    const next = this.addClip();
    if (next === this.clip) return;
    const left = Math.max(x, c[o]!);
    const top = Math.max(y, c[o + 1]!);
    const right = Math.min(x + width, c[o + 2]!);
    const bottom = Math.min(y + height, c[o + 3]!);
    c[next * 4] = left;
    c[next * 4 + 1] = top;
    c[next * 4 + 2] = Math.max(right, left);
    c[next * 4 + 3] = Math.max(bottom, top);
    this.clip = next;
  }

  popClip(): void {
    this.clip = this.clipDepth > 0 ? this.clipStack[--this.clipDepth]! : 0;
  }

  /** A new clip, to be written; the one there is if there is no room. */
  private addClip(): number {
    if (this.clipCount < MOST_CLIPS) return this.clipCount++;
    this.overflow++;
    return this.clip;
  }

  /** Word offset of a new item, its place not yet written; -1 if there is no room. */
  protected begin(shape: number): number {
    const index = shape === Shape.glyph ? this.nextGlyph() : this.nextShape(shape);
    if (index < 0) {
      this.overflow++;
      return -1;
    }
    const o = index * ITEM_WORDS;
    this.floats[o + MORE] = 0;
    this.floats[o + MORE + 1] = 0;
    this.words[o + KIND] = shape | (this.clip << 8);
    return o;
  }

  private nextGlyph(): number {
    return this.glyphCount < HALF ? HALF + this.glyphCount++ : -1;
  }

  private nextShape(shape: number): number {
    if (this.shapeCount === HALF) return -1;
    const shader = SHADER_OF[shape]!;
    const last = this.fresh ? undefined : this.runs[this.runCount - 1];
    if (last?.shader === shader) last.count++;
    else if (!this.addRun(shader, this.shapeCount, 1)) return -1;
    this.fresh = false;
    return this.shapeCount++;
  }

  private addRun(shader: Shader, first: number, count: number): boolean {
    if (this.runCount === MOST_RUNS) return false;
    const run = this.runs[this.runCount++]!;
    run.shader = shader;
    run.first = first;
    run.count = count;
    return true;
  }

  protected place(o: number, a: number, b: number, c: number, d: number): void {
    this.floats[o + PLACE] = a;
    this.floats[o + PLACE + 1] = b;
    this.floats[o + PLACE + 2] = c;
    this.floats[o + PLACE + 3] = d;
  }

  /** The place of a rectangle at `at`. */
  protected placeAt(o: number): void {
    const { at } = this;
    this.floats[o + PLACE] = at[0]!;
    this.floats[o + PLACE + 1] = at[1]!;
    this.floats[o + PLACE + 2] = at[0]! + at[2]!;
    this.floats[o + PLACE + 3] = at[1]! + at[3]!;
  }

  protected form(o: number, a: number, b: number, c: number, d: number): void {
    this.floats[o + FORM] = a;
    this.floats[o + FORM + 1] = b;
    this.floats[o + FORM + 2] = c;
    this.floats[o + FORM + 3] = d;
  }

  protected paint(o: number, fill: Color, second: Color, stroke: Color, glow: Color): void {
    this.words[o + COLORS] = fill;
    this.words[o + COLORS + 1] = second;
    this.words[o + COLORS + 2] = stroke;
    this.words[o + COLORS + 3] = glow;
  }
}
