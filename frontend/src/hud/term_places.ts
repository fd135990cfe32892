import { type Term, termOf } from "./glossary";

const CAPACITY = 256;

/** Where captions with an explanation stand in this frame: noted as they are written. Reused, never allocated. */
export class TermPlaces {
  private readonly terms: (Term | null)[] = Array.from({ length: CAPACITY }, () => null);
  private readonly places = new Float32Array(CAPACITY * 4);
  private count = 0;

  reset(): void {
    this.count = 0;
  }

  /** A caption was written, or the heading of a panel; `y` is its baseline, `size` that of its letters. */
  note(label: string, heads: boolean, x: number, y: number, width: number, size: number): void {
    const term = termOf(label, heads);
    if (!term || this.count === CAPACITY) return;
    this.terms[this.count] = term;
    const { places } = this;
    const o = this.count++ * 4;
    places[o] = x - 4;
    places[o + 1] = y - size - 2;
    places[o + 2] = width + 8;
    places[o + 3] = size + 7;
  }

  /** The topmost term at a point. */
  find(x: number, y: number): Term | null {
    const { places } = this;
    for (let i = this.count - 1; i >= 0; i--) {
      const o = i * 4;
      const inside = x >= places[o]! && x < places[o]! + places[o + 2]!;
      if (inside && y >= places[o + 1]! && y < places[o + 1]! + places[o + 3]!) return this.terms[i]!;
    }
    return null;
  }
}
