import type { Term } from "./glossary";
import { octagon } from "./kit/frame";
import { progress } from "./motion";
import type { Scene } from "./scene";
import { color, glow, motion, text } from "./theme";

const WIDTH = 320;
const PADDING = 14;
const LINE = 16;

/** The explanation of what the pointer rests on. */
export class Explanation {
  private term: Term | null = null;
  private since = 0;
  private lines: readonly string[] = [];

  /** Follows the pointer; draws when it has rested for a while. */
  draw(scene: Scene, x: number, y: number, width: number, height: number, now: number): void {
    const term = Number.isNaN(x) ? null : scene.terms.find(x, y);
    if (term !== this.term) {
      this.term = term;
      this.since = now;
      const columns = Math.floor((WIDTH - 2 * PADDING) / scene.step(text.data));
      this.lines = term ? wrap(term.says, columns) : [];
    }
    if (!term || progress(now, this.since, motion.explainDelay) < 1) return;
    this.box(scene, term, x, y, width, height);
  }

  private box(scene: Scene, term: Term, px: number, py: number, width: number, height: number): void {
    const formulaWidth = term.formula ? scene.measure(term.formula, text.data) + 2 * PADDING : 0;
    const wide = Math.min(Math.max(WIDTH, formulaWidth), width - 16);
    const tall = 2 * PADDING + LINE * (this.lines.length + 1) + (term.formula ? LINE + 8 : 0);
    const x = Math.round(Math.min(Math.max(8, px - 24), width - wide - 8));
    const below = py + 18;
    const y = Math.round(below + tall < height - 8 ? below : py - tall - 12);
    octagon(scene, { x, y, width: wide, height: tall }, 7, color.callout, color.data, glow.bracket);
    let line = y + PADDING + 9;
    scene.textWithin(x + PADDING, line, wide - 2 * PADDING, term.name, text.token, color.now);
    for (const words of this.lines) {
      line += LINE;
      scene.text(x + PADDING, line, words, text.data, color.words);
    }
    if (term.formula) {
      line += LINE + 6;
      scene.textWithin(x + PADDING, line, wide - 2 * PADDING, term.formula, text.data, color.data);
    }
  }
}

/** Words in lines of at most `columns` letters. */
export function wrap(words: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  if (line !== "") lines.push(line);
  return lines;
}
