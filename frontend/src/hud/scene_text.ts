import { clusters, isPlain } from "../text/clusters";
import { columns, type Face, type Glyph } from "../text/glyphs";
import type { Color } from "./color";
import { ItemList } from "./item_list";
import { Shape } from "./items";
import { TermPlaces } from "./term_places";
import { color as colors, text as styles, type TextStyle } from "./theme";

/** Where text hangs from its x. */
export type Align = "left" | "right" | "center";

/** What is written this frame: lines of text as glyphs, and which of them are captions. */
export class SceneText extends ItemList {
  /** Captions of this frame that can be explained. */
  readonly terms = new TermPlaces();

  /** Width of `text` in logical pixels. */
  measure(text: string, style: TextStyle): number {
    return columns(this.face(style, 0), text) * this.step(style);
  }

  /** From one column to the next, in logical pixels: a whole number of device pixels. */
  step(style: TextStyle): number {
    const face = this.face(style, 0);
    return (face.cell + Math.round(style.tracking * this.scale)) / this.scale;
  }

  /** Columns of `text`: 1 for most clusters, 2 for wide ones. */
  columns(text: string, style: TextStyle): number {
    return columns(this.face(style, 0), text);
  }

  /** Writes one line; `y` is its baseline. Returns its width. */
  text(x: number, y: number, text: string, style: TextStyle, color: Color, align: Align = "left"): number {
    this.at[0] = x;
    this.at[1] = y;
    return this.textAt(text, style, color, align);
  }

  /** As `text`, at `at`; where it begins is left there. */
  textAt(text: string, style: TextStyle, color: Color, align: Align = "left"): number {
    const width = this.measure(text, style);
    const { at } = this;
    if (align === "right") at[0]! -= width;
    else if (align === "center") at[0]! -= width / 2;
    if (style.glow > 0) this.run(text, style, this.face(style, style.glow), color);
    this.run(text, style, this.face(style, 0), color);
    const heads = style === styles.title || style === styles.tab;
    if (heads || style === styles.label || style === styles.caption) {
      this.terms.note(text, heads, at[0]!, at[1]!, width, style.size);
    }
    return width;
  }

  /** Writes one line downwards, the letters' feet to the left; `x` is its baseline, `y` where it begins. */
  textDown(x: number, y: number, text: string, style: TextStyle, color: Color): number {
    const face = this.face(style, 0);
    const step = face.cell + Math.round(style.tracking * this.scale);
    const baseline = Math.round(x * this.scale);
    let pen = Math.round(y * this.scale);
    const cut = clusters(text);
    for (let i = 0; i < cut.length; i++) {
      const glyph = face.cluster(cut[i]!);
      this.turnedGlyph(glyph, baseline, pen, color);
      pen += step * glyph.cells;
    }
    return pen / this.scale - y;
  }

  /** The first of several wordings, longest first, that fits `room`; the last one cut where none does. */
  textFitting(
    x: number,
    y: number,
    room: number,
    wordings: readonly string[],
    style: TextStyle,
    color: Color,
  ): number {
    for (let i = 0; i < wordings.length; i++) {
      const wording = wordings[i]!;
      if (this.measure(wording, style) <= room) return this.text(x, y, wording, style, color);
    }
    return this.textWithin(x, y, room, wordings[wordings.length - 1] ?? "", style, color);
  }

  /** As `text`, cut with … to fit `room`. */
  textWithin(x: number, y: number, room: number, text: string, style: TextStyle, color: Color): number {
    return this.text(x, y, this.cut(room, text, style), style, color);
  }

  /** As `textWithin`, at `at`, whose width is the room. */
  textWithinAt(text: string, style: TextStyle, color: Color): number {
    const fits = this.measure(text, style) <= this.at[2]!;
    return this.textAt(fits ? text : this.cut(this.at[2]!, text, style), style, color);
  }

  /** `text`, or what of it fits `room` with … at its end. */
  cut(room: number, text: string, style: TextStyle): string {
    if (this.measure(text, style) <= room) return text;
    const fits = Math.max(0, Math.floor(room / this.step(style)) - 1);
    if (isPlain(text)) return `${text.slice(0, fits)}…`;
    const all = clusters(text);
    let used = 0;
    let end = 0;
    for (let i = 0; i < all.length; i++) {
      used += this.columns(all[i]!, style);
      if (used > fits) break;
      end += all[i]!.length;
    }
    return `${text.slice(0, end)}…`;
  }

  /** `text`, or its beginning and its end, as much of them as fits `room`, with … between them. */
  cutMiddle(room: number, text: string, style: TextStyle): string {
    if (this.measure(text, style) <= room) return text;
    const fits = Math.max(0, Math.floor(room / this.step(style)) - 1);
    const all = clusters(text);
    let used = 0;
    let tail = all.length;
    while (tail > 0 && used + this.columns(all[tail - 1]!, style) <= (fits + 1) / 3) {
      used += this.columns(all[--tail]!, style);
    }
    let head = 0;
    while (head < tail && used + this.columns(all[head]!, style) <= fits) {
      used += this.columns(all[head++]!, style);
    }
    return `${all.slice(0, head).join("")}…${all.slice(tail).join("")}`;
  }

  private run(text: string, style: TextStyle, face: Face, color: Color): void {
    const step = face.cell + Math.round(style.tracking * this.scale);
    const baseline = Math.round(this.at[1]! * this.scale);
    let pen = Math.round(this.at[0]! * this.scale);
    if (isPlain(text)) {
      for (let i = 0; i < text.length; i++) {
        this.glyph(face.plain(text.charCodeAt(i)), pen, baseline, color);
        pen += step;
      }
      return;
    }
    const cut = clusters(text);
    for (let i = 0; i < cut.length; i++) {
      const glyph = face.cluster(cut[i]!);
      this.glyph(glyph, pen, baseline, color);
      pen += step * glyph.cells;
    }
  }

  private glyph(glyph: Glyph, pen: number, baseline: number, color: Color): void {
    const { slot } = glyph;
    if (!slot) return;
    const x = (pen + glyph.left) / this.scale;
    const y = (baseline + glyph.top) / this.scale;
    const o = this.begin(Shape.glyph);
    if (o < 0) return;
    this.place(o, x, y, glyph.width, glyph.height);
    this.form(o, slot.x, slot.y, 0, 0);
    this.paint(o, color, color, colors.clear, colors.clear);
  }

  /** A quarter turn clockwise: what was above the baseline stands to the right of it. */
  private turnedGlyph(glyph: Glyph, baseline: number, pen: number, color: Color): void {
    const { slot } = glyph;
    if (!slot) return;
    const x = (baseline - glyph.top - glyph.height) / this.scale;
    const y = (pen + glyph.left) / this.scale;
    const o = this.begin(Shape.glyph);
    if (o < 0) return;
    this.place(o, x, y, glyph.height, glyph.width);
    this.form(o, slot.x, slot.y, 1, 0);
    this.paint(o, color, color, colors.clear, colors.clear);
  }

  private face(style: TextStyle, glow: number): Face {
    return this.glyphs.face(style.size * this.scale, glow * this.scale);
  }
}
