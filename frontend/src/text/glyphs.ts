import { Atlas, type Slot } from "./atlas";
import { cutOf } from "./clusters";
import type { Bitmap, Rasterizer } from "./rasterizer";

/** A cluster as drawn: its bitmap's place, and its offset from the pen in device pixels. */
export interface Glyph {
  /** Columns of the mono grid it takes. */
  readonly cells: number;
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  /** Null: nothing to see (a space), or no room this frame. */
  slot: Slot | null;
  readonly empty: boolean;
}

export const ATLAS_WIDTH = 2048;
export const ATLAS_HEIGHT = 1024;
/** Clusters kept per face besides ASCII; a face starts anew beyond it. */
const MOST_CLUSTERS = 4096;

/** Nothing to see: spaces, marks of direction, joiners alone. */
const BLANK = /^[\p{Z}\p{Cc}\p{Cf}]*$/u;

/** One font size, and one halo radius, at one device-pixel ratio. */
export class Face {
  private readonly ascii: (Glyph | undefined)[] = new Array(128);
  private readonly others = new Map<string, Glyph>();
  private readonly widths = new Map<string, number>();
  /** Device pixels from one column to the next: whole, so that columns of text stand on pixels. */
  readonly cell: number;
  private readonly advance: number;

  constructor(
    private readonly glyphs: Glyphs,
    /** Device pixels. */
    readonly size: number,
    /** Device pixels; 0 draws the text itself. */
    readonly blur: number,
  ) {
    this.advance = glyphs.rasterizer.measure("0", size);
    this.cell = Math.max(1, Math.round(this.advance));
  }

  plain(code: number): Glyph {
    const known = this.ascii[code];
    if (known && (known.slot || known.empty)) return this.touch(known);
    const made = this.make(String.fromCharCode(code));
    this.ascii[code] = made;
    return made;
  }

  cluster(text: string): Glyph {
    const known = this.others.get(text);
    if (known && (known.slot || known.empty)) return this.touch(known);
    if (this.others.size >= MOST_CLUSTERS) this.others.clear();
    const made = this.make(text);
    this.others.set(text, made);
    return made;
  }

  /** Columns a cluster takes: 1 for most, 2 for CJK and emoji, as many as it needs for a shaped word. */
  cells(cluster: string): number {
    const known = this.widths.get(cluster);
    if (known !== undefined) return known;
    if (this.widths.size >= MOST_CLUSTERS) this.widths.clear();
    const wide = this.glyphs.rasterizer.measure(cluster, this.size) / this.advance;
    const cells = Math.max(1, Math.ceil(wide - 0.25));
    this.widths.set(cluster, cells);
    return cells;
  }

  /** The cluster's bitmap, or a hollow box where no font of the system has it: a token is never invisible. */
  private draw(cluster: string): Bitmap | null {
    const { rasterizer } = this.glyphs;
    const bitmap = rasterizer.draw(cluster, this.size, this.blur);
    const inked = bitmap?.coverage.some((c) => c > 0) === true;
    if (inked) return bitmap;
    return BLANK.test(cluster) ? null : rasterizer.draw("▯", this.size, this.blur);
  }

  private touch(glyph: Glyph): Glyph {
    if (glyph.slot) glyph.slot.used = this.glyphs.frame;
    return glyph;
  }

  private make(cluster: string): Glyph {
    const { rasterizer, atlas, frame } = this.glyphs;
    const cells = this.cells(cluster);
    const bitmap = this.draw(cluster);
    if (!bitmap) return { cells, left: 0, top: 0, width: 0, height: 0, slot: null, empty: true };
    const slot = atlas.put(bitmap.width, bitmap.height, bitmap.coverage, frame);
    // Wide glyphs stand in the middle of their columns.
    const slack = cells > 1 ? (cells * this.cell - rasterizer.measure(cluster, this.size)) / 2 : 0;
    const { left, top, width, height } = bitmap;
    const glyph: Glyph = { cells, left: left + Math.round(slack), top, width, height, slot, empty: false };
    if (slot) {
      slot.evicted = () => {
        glyph.slot = null;
      };
    }
    return glyph;
  }
}

/** Every face of the page, over one atlas. Lives on the CPU; the HUD pass uploads what is dirty. */
export class Glyphs {
  readonly atlas = new Atlas(ATLAS_WIDTH, ATLAS_HEIGHT);
  /** Counts up with each frame drawn. */
  frame = 0;
  /** How often it was cleared: faces from before count no more. */
  clearings = 0;
  private readonly faces = new Map<number, Face>();

  constructor(readonly rasterizer: Rasterizer) {}

  /** `size` and `blur` in device pixels. */
  face(size: number, blur: number): Face {
    const key = Math.round(size * 64) * 16384 + Math.round(blur * 8);
    let face = this.faces.get(key);
    if (!face) {
      face = new Face(this, size, blur);
      this.faces.set(key, face);
    }
    return face;
  }

  /** Starts anew, as when the font has loaded or the pixel ratio changed. */
  clear(): void {
    this.atlas.clear();
    this.faces.clear();
    this.clearings++;
  }
}

/** Columns of `text`, which `cutOf` has cut, on the mono grid of `face`. */
export function columns(face: Face, text: string, cut = cutOf(text)): number {
  if (!cut) return text.length;
  // By number, here and wherever frames are drawn: an iterator is garbage for each text of each frame.
  let sum = 0;
  for (let i = 0; i < cut.length; i++) sum += face.cells(cut[i]!);
  return sum;
}
