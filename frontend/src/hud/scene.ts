import { type Color, fade } from "./color";
import { type HeatRegion, HeatStore } from "./heat_store";
import { MORE, Pattern, Shape } from "./items";
import { SceneText } from "./scene_text";
import { color as colors, size } from "./theme";

/**
 * What the HUD shows this frame, in logical pixels: shapes, text, matrices. Panels write it; `hud_pass.ts` alone
 * knows the GPU.
 */
export class Scene extends SceneText {
  readonly heat = new HeatStore();

  rect(x: number, y: number, width: number, height: number, fill: Color): void {
    const { at } = this;
    at[0] = x;
    at[1] = y;
    at[2] = width;
    at[3] = height;
    this.fillAt(fill, fill);
  }

  /** A box with a stroke inside its edge, rounded or cut corners, and a glow outside. */
  box(
    x: number,
    y: number,
    width: number,
    height: number,
    fill: Color,
    stroke: Color,
    strokeWidth: number,
    glow = 0,
    glowColor: Color = stroke,
    radius = 0,
    cut = 0,
  ): void {
    const { at } = this;
    at[0] = x;
    at[1] = y;
    at[2] = width;
    at[3] = height;
    this.boxAt(fill, stroke, strokeWidth, glow, glowColor, radius, cut);
  }

  /** As `box`, at `at`. */
  boxAt(
    fill: Color,
    stroke: Color,
    strokeWidth: number,
    glow: number,
    glowColor: Color,
    radius = 0,
    cut = 0,
  ): void {
    const o = this.begin(Shape.box);
    if (o < 0) return;
    this.placeAt(o);
    this.form(o, radius, cut, strokeWidth, glow);
    this.paint(o, fill, fill, stroke, glowColor);
  }

  gradient(x: number, y: number, width: number, height: number, from: Color, to: Color, down = false): void {
    const { at } = this;
    at[0] = x;
    at[1] = y;
    at[2] = width;
    at[3] = height;
    this.fillAt(from, to, down);
  }

  /** As `gradient`, at `at`. */
  fillAt(from: Color, to: Color, down = false): void {
    const o = this.begin(Shape.fill);
    if (o < 0) return;
    this.placeAt(o);
    this.form(o, 0, 0, 0, 0);
    this.floats[o + MORE] = down ? 1 : 0;
    this.paint(o, from, to, colors.clear, colors.clear);
  }

  line(x0: number, y0: number, x1: number, y1: number, width: number, color: Color, glow = 0): void {
    this.segment(x0, y0, x1, y1, x0, y0, x1, y1, width, color, color, glow);
  }

  /** From a to b; p comes before a, n after b (a and b themselves at the ends of a line). */
  segment(
    ax: number,
    ay: number,
    bx: number,
    by: number,
    px: number,
    py: number,
    nx: number,
    ny: number,
    width: number,
    from: Color,
    to: Color,
    glow: number,
  ): void {
    const o = this.begin(Shape.line);
    if (o < 0) return;
    this.place(o, ax, ay, bx, by);
    this.form(o, px, py, nx, ny);
    this.floats[o + MORE] = width;
    this.floats[o + MORE + 1] = glow;
    this.paint(o, from, to, colors.clear, colors.data);
  }

  /** A corner of a frame at (x, y): two arms along its edges, half a pixel inside; `right` and `down` are 1 or -1. */
  corner(
    x: number,
    y: number,
    right: number,
    down: number,
    arm: number,
    width: number,
    color: Color,
    glow: number,
  ): void {
    const cx = x + 0.5 * right;
    const cy = y + 0.5 * down;
    const endX = cx + arm * right;
    const endY = cy + arm * down;
    for (let i = 0; i < 2; i++) {
      const o = this.begin(Shape.line);
      if (o < 0) return;
      if (i === 0) this.place(o, endX, cy, cx, cy);
      else this.place(o, cx, cy, cx, endY);
      this.form(o, endX, cy, cx, endY);
      this.floats[o + MORE] = width;
      this.floats[o + MORE + 1] = glow;
      this.paint(o, color, color, colors.clear, colors.data);
    }
  }

  /** Of a line through points: from point `i` to the next; `p` is the one before it, `n` the one after the next. */
  span(
    xs: Float32Array,
    ys: Float32Array,
    i: number,
    p: number,
    n: number,
    width: number,
    from: Color,
    to: Color,
    glow: number,
  ): void {
    const o = this.begin(Shape.line);
    if (o < 0) return;
    this.place(o, xs[i]!, ys[i]!, xs[i + 1]!, ys[i + 1]!);
    this.form(o, xs[p]!, ys[p]!, xs[n]!, ys[n]!);
    this.floats[o + MORE] = width;
    this.floats[o + MORE + 1] = glow;
    this.paint(o, from, to, colors.clear, colors.data);
  }

  /** Lines between `count` points, two by two. */
  strokes(
    xs: Float32Array,
    ys: Float32Array,
    count: number,
    width: number,
    color: Color,
    glow: number,
  ): void {
    for (let i = 0; i + 1 < count; i += 2) this.span(xs, ys, i, i, i + 1, width, color, color, glow);
  }

  /** A dashed line; `phase` in logical pixels moves the dashes towards the start. */
  dashes(
    x0: number,
    y0: number,
    x1: number,
    y1: number,
    width: number,
    color: Color,
    on: number,
    off: number,
    phase = 0,
  ): void {
    const o = this.begin(Shape.dash);
    if (o < 0) return;
    this.place(o, x0, y0, x1, y1);
    this.form(o, on, off, phase, 0);
    this.floats[o + MORE] = width;
    this.paint(o, color, color, colors.clear, colors.clear);
  }

  /** Under the line from (x0, y0) to (x1, y1) down to `base`; fades from `top` (at y `gradientTop`) to `bottom`. */
  area(
    x0: number,
    y0: number,
    x1: number,
    y1: number,
    base: number,
    gradientTop: number,
    top: Color,
    bottom: Color,
  ): void {
    const o = this.begin(Shape.area);
    if (o < 0) return;
    this.place(o, x0, y0, x1, y1);
    this.form(o, base, gradientTop, 0, 0);
    this.paint(o, top, bottom, colors.clear, colors.clear);
  }

  /** As `area`, under a line through points: from point `first` to point `last`. */
  areaSpans(
    xs: Float32Array,
    ys: Float32Array,
    first: number,
    last: number,
    base: number,
    gradientTop: number,
    top: Color,
    bottom: Color,
  ): void {
    for (let i = first; i < last; i++) this.areaSpan(xs, ys, i, base, gradientTop, top, bottom);
  }

  /** From point `i` to the next. */
  areaSpan(
    xs: Float32Array,
    ys: Float32Array,
    i: number,
    base: number,
    gradientTop: number,
    top: Color,
    bottom: Color,
  ): void {
    const o = this.begin(Shape.area);
    if (o < 0) return;
    this.place(o, xs[i]!, ys[i]!, xs[i + 1]!, ys[i + 1]!);
    this.form(o, base, gradientTop, 0, 0);
    this.paint(o, top, bottom, colors.clear, colors.clear);
  }

  /** Angles in radians, clockwise from twelve o'clock; `segments` with `gap` (a share) between them. */
  arc(
    cx: number,
    cy: number,
    radius: number,
    width: number,
    start: number,
    sweep: number,
    color: Color,
    glow = 0,
    segments = 0,
    gap = 0,
    end: Color = color,
  ): void {
    const o = this.begin(Shape.arc);
    if (o < 0) return;
    this.place(o, cx, cy, radius, width);
    this.form(o, start, sweep, segments, gap);
    this.floats[o + MORE] = glow;
    this.paint(o, color, end, colors.clear, color);
  }

  circle(
    cx: number,
    cy: number,
    radius: number,
    fill: Color,
    glow = 0,
    stroke: Color = fill,
    width = 0,
  ): void {
    const { at } = this;
    at[0] = cx - radius;
    at[1] = cy - radius;
    at[2] = 2 * radius;
    at[3] = 2 * radius;
    this.boxAt(fill, stroke, width, glow, stroke, radius);
  }

  /** A ground of `ground` with a grid of dots on it. */
  dots(x: number, y: number, width: number, height: number, dot: Color, ground: Color): void {
    this.pattern(x, y, width, height, Pattern.dots, size.dotSpacing, 1.2, dot, ground);
  }

  scanlines(x: number, y: number, width: number, height: number, line: Color, ground: Color): void {
    this.pattern(x, y, width, height, Pattern.scanlines, size.scanlinePeriod, 1, line, ground);
  }

  hatch(x: number, y: number, width: number, height: number, line: Color, ground: Color, spacing = 6): void {
    this.pattern(x, y, width, height, Pattern.hatch, spacing, 1, line, ground);
  }

  /** Lines `spacing` apart. Each an item, not a pattern: they cover a twentieth of the pixels. */
  grid(
    x: number,
    y: number,
    width: number,
    height: number,
    color: Color,
    spacing: number = size.gridSpacing,
  ): void {
    for (let across = spacing; across < width; across += spacing) this.rect(x + across, y, 1, height, color);
    for (let down = spacing; down < height; down += spacing) this.rect(x, y + down, width, 1, color);
  }

  /** `columns` x `rows` cells of a region of `heat`; values^gamma through the ramp, NaN left out. */
  heatmap(
    x: number,
    y: number,
    width: number,
    height: number,
    region: HeatRegion,
    columnCount: number,
    rowCount: number,
    gamma: number,
    opacity = 1,
  ): void {
    const o = this.begin(Shape.heat);
    if (o < 0) return;
    this.place(o, x, y, x + width, y + height);
    const cell = Math.min(width / columnCount, height / rowCount);
    this.form(o, region.x, region.y, columnCount, rowCount);
    this.floats[o + MORE] = gamma;
    this.floats[o + MORE + 1] = cell >= 6 ? 1 : 0;
    this.paint(o, fade(colors.now, opacity), colors.clear, colors.clear, colors.clear);
  }

  private pattern(
    x: number,
    y: number,
    width: number,
    height: number,
    which: number,
    spacing: number,
    stroke: number,
    paint: Color,
    ground: Color,
  ): void {
    const o = this.begin(Shape.pattern);
    if (o < 0) return;
    this.place(o, x, y, x + width, y + height);
    this.form(o, which, spacing, stroke, 0);
    this.paint(o, paint, ground, colors.clear, colors.clear);
  }
}
