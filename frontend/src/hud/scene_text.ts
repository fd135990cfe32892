import { clusters, cutOf, isPlain } from "../text/clusters";
import { columns, type Face, type Glyph } from "../text/glyphs";
import type { Color } from "./color";
import { ItemList } from "./item_list";
import { Shape } from "./items";
import { TermPlaces } from "./term_places";
import { color as colors, text as styles, type TextStyle } from "./theme";

const MOST_SHORTENED = 1024;

/** Where text hangs from its x. */
export type Align = "left" | "right" | "center";

/** A style at the present scale. Lengths in device pixels, but for `step`. */
interface Setting {
  readonly face: Face;
  /** Its halo; null without one. */
  readonly halo: Face | null;
  /** From one column to the next; and in logical pixels. */
  readonly pitch: number;
  readonly step: number;
}

/** What is written this frame: lines of text as glyphs, and which of them are captions. */
export class SceneText extends ItemList {
  /** Captions of this frame that can be explained. */
  readonly terms = new TermPlaces();
  private readonly settings = new Map<TextStyle, Setting>();
  private settingsOf = -1;
  /** What was left of texts that were too long for the columns they had. */
  private readonly shortened = new Map<string, { readonly face: Face; fits: number; text: string }>();

  /** Width of `text` in logical pixels. */
  measure(text: string, style: TextStyle): number {
    const { face, step } = this.setting(style);
    return columns(face, text) * step;
  }

  /** From one column to the next, in logical pixels: a whole number of device pixels. */
  step(style: TextStyle): number {
    return this.setting(style).step;
  }

  /** Columns of `text`: 1 for most clusters, 2 for wide ones. */
  columns(text: string, style: TextStyle): number {
    return columns(this.setting(style).face, text);
  }

  /** Writes one line; `y` is its baseline. Returns its width. */
  text(x: number, y: number, text: string, style: TextStyle, color: Color, align: Align = "left"): number {
    this.at[0] = x;
    this.at[1] = y;
    return this.textAt(text, style, color, align);
  }

  /** As `text`, at `at`; where it begins is left there, and its width. */
  textAt(text: string, style: TextStyle, color: Color, align: Align = "left"): number {
    const setting = this.setting(style);
    const cut = cutOf(text);
    const wide = columns(setting.face, text, cut);
    this.write(text, cut, wide, style, setting, color, align);
    return wide * setting.step;
  }

  private write(
    text: string,
    cut: readonly string[] | null,
    wide: number,
    style: TextStyle,
    setting: Setting,
    color: Color,
    align: Align,
  ): void {
    const { at } = this;
    const width = wide * setting.step;
    if (align === "right") at[0]! -= width;
    else if (align === "center") at[0]! -= width / 2;
    if (setting.halo) this.run(text, cut, setting.halo, setting.pitch, color);
    this.run(text, cut, setting.face, setting.pitch, color);
    at[2] = width;
    const heads = style === styles.title || style === styles.tab;
    if (heads || style === styles.label || style === styles.caption) {
      this.terms.note(text, heads, at, style.size);
    }
  }

  /** Writes one line downwards, the letters' feet to the left: `at` is its baseline and where it begins. */
  textDownAt(text: string, style: TextStyle, color: Color): void {
    const { face, pitch: step } = this.setting(style);
    const baseline = Math.round(this.at[0]! * this.scale);
    let pen = Math.round(this.at[1]! * this.scale);
    const cut = clusters(text);
    for (let i = 0; i < cut.length; i++) {
      const glyph = face.cluster(cut[i]!);
      this.turnedGlyph(glyph, baseline, pen, color);
      pen += step * glyph.cells;
    }
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
    const setting = this.setting(style);
    const cut = cutOf(text);
    const wide = columns(setting.face, text, cut);
    if (wide * setting.step > this.at[2]!)
      return this.textAt(this.cut(this.at[2]!, text, style), style, color);
    this.write(text, cut, wide, style, setting, color, "left");
    return wide * setting.step;
  }

  /** `text`, or what of it fits `room` with … at its end. */
  cut(room: number, text: string, style: TextStyle): string {
    const { face, step } = this.setting(style);
    if (columns(face, text) * step <= room) return text;
    const fits = Math.max(0, Math.floor(room / step) - 1);
    const known = this.shortened.get(text);
    if (known?.fits === fits && known.face === face) return known.text;
    if (this.shortened.size >= MOST_SHORTENED) this.shortened.clear();
    const made = shorten(face, text, fits);
    this.shortened.set(text, { face, fits, text: made });
    return made;
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

  private run(text: string, cut: readonly string[] | null, face: Face, step: number, color: Color): void {
    const baseline = Math.round(this.at[1]! * this.scale);
    let pen = Math.round(this.at[0]! * this.scale);
    if (!cut) {
      for (let i = 0; i < text.length; i++) {
        this.glyph(face.plain(text.charCodeAt(i)), pen, baseline, color);
        pen += step;
      }
      return;
    }
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

  private setting(style: TextStyle): Setting {
    const { glyphs, settings, scale } = this;
    if (this.settingsOf !== glyphs.clearings) settings.clear();
    this.settingsOf = glyphs.clearings;
    let setting = settings.get(style);
    if (!setting) {
      const face = glyphs.face(style.size * scale, 0);
      const halo = style.glow > 0 ? glyphs.face(style.size * scale, style.glow * scale) : null;
      const pitch = face.cell + Math.round(style.tracking * scale);
      setting = { face, halo, pitch, step: pitch / scale };
      settings.set(style, setting);
    }
    return setting;
  }
}

/** As much of `text` as takes `fits` columns, and …. */
function shorten(face: Face, text: string, fits: number): string {
  if (isPlain(text)) return `${text.slice(0, fits)}…`;
  const all = clusters(text);
  let used = 0;
  let end = 0;
  for (let i = 0; i < all.length; i++) {
    used += columns(face, all[i]!);
    if (used > fits) break;
    end += all[i]!.length;
  }
  return `${text.slice(0, end)}…`;
}
