/**
 * A colour as the scene stores it: 0xAABBGGRR, sRGB, alpha straight. Its low byte is red, which is what
 * WGSL's `unpack4x8unorm` expects.
 */
export type Color = number;

/** From 0xRRGGBB and an alpha of 0 to 1. */
export function rgb(hex: number, alpha = 1): Color {
  const red = (hex >> 16) & 0xff;
  const green = (hex >> 8) & 0xff;
  const blue = hex & 0xff;
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/** The same colour with its alpha multiplied by `by`. */
export function fade(color: Color, by: number): Color {
  if (by >= 1) return color;
  const alpha = Math.round((color >>> 24) * Math.min(Math.max(by, 0), 1));
  return ((alpha << 24) | (color & 0xffffff)) >>> 0;
}

/** Between two colours, channel by channel in sRGB. */
export function mix(from: Color, to: Color, at: number): Color {
  if (at <= 0) return from;
  if (at >= 1) return to;
  let out = 0;
  for (let shift = 0; shift < 32; shift += 8) {
    const a = (from >>> shift) & 0xff;
    const b = (to >>> shift) & 0xff;
    out |= Math.round(a + (b - a) * at) << shift;
  }
  return out >>> 0;
}

/**
 * Colours to choose from by number. A list of numbers alone would make a new one of each that is taken out of it, a
 * heap number where it is handed on; in a list that once held something else they stay what they are.
 */
export function palette(...colors: Color[]): readonly Color[] {
  return [null, ...colors].slice(1) as Color[];
}

/** For a style sheet. */
export function css(color: Color): string {
  const [red, green, blue] = [color & 0xff, (color >>> 8) & 0xff, (color >>> 16) & 0xff];
  const alpha = Math.round(((color >>> 24) / 255) * 1000) / 1000;
  return `rgb(${red} ${green} ${blue} / ${alpha})`;
}

/** Linear-light red, green, blue of 0 to 1, for shaders that blend light. */
export function linear(color: Color): [number, number, number] {
  return [0, 8, 16].map((shift) => {
    const s = ((color >>> shift) & 0xff) / 255;
    return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
}
