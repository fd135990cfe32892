/** The one home of colours (`theme_colors.ts`), sizes and motion. */
import { type Color, rgb } from "./color";
import * as color from "./theme_colors";

export { color };

/** Heat ramp: where on 0 to 1, and the colour there. Applied to value^heatGamma. */
export const heatRamp: readonly (readonly [number, Color])[] = [
  [0, rgb(0x080e19)],
  [0.12, rgb(0x0b1f30)],
  [0.28, rgb(0x144962)],
  [0.48, rgb(0x348aa5)],
  [0.7, color.data],
  [1, rgb(0xffffff)],
];
export const heatGamma = 0.4;

/** How strongly a glow's colour shows beside the thing that glows. */
export const glowStrength = 0.55;

/** Logical pixels. */
export const size = {
  grid: 4,
  margin: 16,
  gutter: 12,
  padding: 12,
  header: 48,
  bracket: 10,
  activeBracket: 14,
  bracketStroke: 1.25,
  activeBracketStroke: 1.75,
  hairline: 1,
  dataLine: 1.5,
  dotSpacing: 12,
  gridSpacing: 48,
  scanlinePeriod: 3,
  rowHeight: 14,
  streamRow: 18,
  largeStreamRow: 20,
} as const;

/** Glow radii: a bracket, something active, the head of something. */
export const glow = { none: 0, bracket: 5, active: 9, head: 13 } as const;

/** Seconds, unless named otherwise. */
export const motion = {
  /** Time in which a critically damped spring comes within 2 %. */
  spring: 0.2,
  bracketDraw: 0.26,
  contentDelay: 0.12,
  /** A pointer that rests this long on a caption has it explained. */
  explainDelay: 0.35,
  contentFade: 0.18,
  cursorPeriod: 1,
  /** The newest words fade from white over this many tokens. */
  freshTokens: 12,
  slideIn: 0.24,
  beaconPeriod: 1.6,
  /** Logical pixels per second of moving dashes. */
  dashSpeed: 40,
  dominantDashSpeed: 90,
} as const;

/** Where numbers turn into "look here". */
export const threshold = {
  /** Nats: above it the model is uncertain, below the other it is confident. */
  uncertain: 3,
  confident: 1,
  /** A chosen token of a higher rank is a surprise. */
  surprisingRank: 10,
  /** Share of a cache or a memory in use. */
  nearlyFull: 0.9,
} as const;

/** How text looks. `size` and `tracking` in logical pixels; `glow` is the radius of its halo. */
export interface TextStyle {
  readonly size: number;
  readonly tracking: number;
  readonly glow: number;
}

const style = (size: number, tracking = 0, glow = 0): TextStyle => ({ size, tracking, glow });

export const text = {
  caption: style(10),
  label: style(10, 1),
  /** A token as small as a caption: none is explained as a quantity, whatever it spells. */
  word: style(10),
  /** The name of an instrument on its tab. */
  tab: style(10, 1),
  data: style(11),
  token: style(12),
  /** Tokens where there is room. */
  largeToken: style(13),
  title: style(11, 1.6, glow.bracket),
  state: style(14, 1, glow.active),
  mark: style(14, 5, 4),
  unit: style(11),
  speed: style(28, 0, glow.head),
  number: style(26, 0, glow.head),
  tooltip: style(13, 0, glow.bracket),
} as const satisfies Record<string, TextStyle>;

/** Bundled; `frontend/src/text/font.ts` loads it under this name. */
export const fontFamily = "Cloud Chamber Mono";
export const fontStack = `"${fontFamily}", "DejaVu Sans Mono", ui-monospace, monospace`;
