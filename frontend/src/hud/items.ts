import { makeShaderDataDefinitions } from "webgpu-utils";
import itemsSource from "../../../wgsl/hud/items.wgsl?raw";
import { heatRamp } from "./theme";

/** Where each field of an item lies, in 4-byte words: read from the WGSL, never counted by hand. */
const item = makeShaderDataDefinitions(itemsSource).structs.Item!;
const word = (field: string): number => item.fields[field]!.offset / 4;

export const ITEM_BYTES = item.size;
export const ITEM_WORDS = item.size / 4;
export const PLACE = word("place");
export const FORM = word("form");
export const MORE = word("more");
export const KIND = word("kind");
export const COLORS = word("colors");

/** Shapes, by the numbers of `items.wgsl`; a test compares them. */
export const Shape = {
  fill: 0,
  box: 1,
  arc: 2,
  line: 3,
  dash: 4,
  area: 5,
  pattern: 6,
  heat: 7,
  glyph: 8,
} as const;

export const Pattern = { dots: 0, scanlines: 1, hatch: 2 } as const;

/** Which shader shades a shape: small ones, each for its own, since a pixel pays for every branch of its shader. */
export type Shader = "fill" | "shape" | "line" | "pattern" | "heatmap" | "text";

/** By shape number. */
export const SHADER_OF: readonly Shader[] = [
  "fill",
  "shape",
  "shape",
  "line",
  "line",
  "line",
  "pattern",
  "heatmap",
  "text",
];

/** The heat ramp as a row of 256 RGBA texels. */
export function rampTexels(): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(256 * 4);
  for (let i = 0; i < 256; i++) {
    const at = i / 255;
    const next = Math.max(
      1,
      heatRamp.findIndex(([stop]) => stop >= at),
    );
    const [low, from] = heatRamp[next - 1]!;
    const [high, to] = heatRamp[next]!;
    const t = Math.min(Math.max((at - low) / (high - low), 0), 1);
    for (let channel = 0; channel < 4; channel++) {
      const a = (from >>> (8 * channel)) & 0xff;
      const b = (to >>> (8 * channel)) & 0xff;
      out[4 * i + channel] = Math.round(a + (b - a) * t);
    }
  }
  return out;
}
