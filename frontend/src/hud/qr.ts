import type { Layout } from "./layout";
import type { Scene } from "./scene";
import { color, text } from "./theme";

/** A QR code over the picture, for a room. */
export interface QrCode {
  /** Of 0 and 1; 1 is dark. */
  readonly rows: readonly string[];
  readonly caption: string;
  readonly address: string;
}

/** Modules of light round the code, as the standard asks for. */
export const QUIET = 4;
const SHARE_OF_SCREEN = 0.6;
const WORDS = 44;

export interface QrPlace {
  /** Of the code's first module, in logical pixels, whole. */
  readonly x: number;
  readonly y: number;
  /** Side of a module: whole pixels, so that every edge is sharp. */
  readonly module: number;
}

/** In the middle of the screen. */
export function qrPlace(size: number, width: number, height: number): QrPlace {
  const modules = size + 2 * QUIET;
  const module = Math.max(1, Math.floor((Math.min(width, height) * SHARE_OF_SCREEN) / modules));
  const side = module * size;
  return { x: Math.round((width - side) / 2), y: Math.round((height - side - WORDS) / 2), module };
}

/** Draws the code dark on light, with its words below; dark modules in a row are one rectangle. */
export function drawQr(scene: Scene, { rows, caption, address }: QrCode, layout: Layout): void {
  const { x, y, module } = qrPlace(rows.length, layout.width, layout.height);
  const side = module * rows.length;
  const border = module * QUIET;
  scene.rect(0, 0, layout.width, layout.height, color.focus);
  scene.rect(x - border, y - border, side + 2 * border, side + 2 * border + WORDS, color.now);
  rows.forEach((row, r) => {
    for (const run of row.matchAll(/1+/g)) {
      scene.rect(x + run.index * module, y + r * module, run[0].length * module, module, color.ground);
    }
  });
  const middle = x + side / 2;
  const below = y + side + border;
  scene.text(middle, below + 10, caption, text.mark, color.ground, "center");
  scene.text(middle, below + 30, address, text.data, color.ground, "center");
}
