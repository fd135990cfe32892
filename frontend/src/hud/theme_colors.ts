/**
 * The colours by their roles. One accent per meaning: cyan is data, white is now, orange says "look here", green is
 * complete, red is an error, grey is words.
 *
 * Each a constant of its own, and not a property of an object: so they cost nothing to read. A number as large as a
 * colour is put on the heap anew whenever it is read from a property and handed on.
 */
import { type Color, rgb } from "./color";

export const ground: Color = rgb(0x05070b);
export const data: Color = rgb(0x7fd3e5);
/** Text of the prompt, and data that is not the newest. */
export const prompt: Color = rgb(0x4fa6c4);
/** Answer tokens that have cooled. */
export const settled: Color = rgb(0x8fc4d2);
export const now: Color = rgb(0xf4fbff);
export const attention: Color = rgb(0xff9900);
export const complete: Color = rgb(0x00ff88);
export const error: Color = rgb(0xff4444);
/** Words that carry meaning: row labels, states. */
export const words: Color = rgb(0xc9d6dc);
/** Captions and axes; 5.6 : 1 on the ground, so that a projector keeps them. */
export const muted: Color = rgb(0x8496a0);
/** Table rules, ticks, tracks. */
export const frame: Color = rgb(0x2a3640);
export const rule: Color = rgb(0x2a3640, 0.75);
export const track: Color = rgb(0x7fd3e5, 0.1);
export const panel: Color = rgb(0x05070b, 0.8);
export const focus: Color = rgb(0x05070b, 0.86);
/** Words over other words. */
export const callout: Color = rgb(0x05070b, 0.96);
export const well: Color = rgb(0x03050a, 0.45);
export const raised: Color = rgb(0x7fd3e5, 0.085);
export const dots: Color = rgb(0x7fd3e5, 0.07);
export const grid: Color = rgb(0x7fd3e5, 0.022);
export const scanline: Color = rgb(0x000000, 0.2);
export const clear: Color = rgb(0x000000, 0);
