import type { Term, termOf } from "./glossary";

const CAPACITY = 1024;

/** Explains a caption. Words enough for a file of their own: it comes when someone first points at one. */
let explain: typeof termOf | null = null;
let asked = false;

/** Loads the explanations; one that could not be loaded is asked for with the next caption pointed at. */
export async function loadTerms(): Promise<void> {
  if (asked) return;
  asked = true;
  try {
    explain = (await import("./glossary")).termOf;
  } catch {
    asked = false;
  }
}

/** Captions of this frame, and where they stand: noted as they are written. Reused, never allocated. */
export class TermPlaces {
  private readonly labels: string[] = new Array(CAPACITY).fill("");
  private readonly heads = new Uint8Array(CAPACITY);
  private readonly places = new Float32Array(CAPACITY * 4);
  private count = 0;

  reset(): void {
    this.count = 0;
  }

  /** A caption was written, or the heading or tab of a panel: from `at`, x and baseline, as wide as its third number. */
  note(label: string, heads: boolean, at: Float64Array, size: number): void {
    if (this.count === CAPACITY) return;
    this.labels[this.count] = label;
    this.heads[this.count] = heads ? 1 : 0;
    const { places } = this;
    const o = this.count++ * 4;
    places[o] = at[0]! - 4;
    places[o + 1] = at[1]! - size - 2;
    places[o + 2] = at[2]! + 8;
    places[o + 3] = size + 7;
  }

  /** The topmost term at a point. */
  find(x: number, y: number): Term | null {
    const { places, labels, heads } = this;
    for (let i = this.count - 1; i >= 0; i--) {
      const o = i * 4;
      const inside = x >= places[o]! && x < places[o]! + places[o + 2]!;
      if (!inside || y < places[o + 1]! || y >= places[o + 1]! + places[o + 3]!) continue;
      if (!explain) void loadTerms();
      const term = explain?.(labels[i]!, heads[i] === 1);
      if (term) return term;
    }
    return null;
  }
}
