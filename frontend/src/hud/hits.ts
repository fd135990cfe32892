/** What a region of the HUD answers to. */
export type HitKind =
  /** The token stream: the wheel scrolls it. */
  | "stream"
  /** A word of the stream; `value` is its step. */
  | "token"
  /** Shows more or fewer candidates. */
  | "top-count"
  /** A candidate for the next token; `value` is its token id. */
  | "candidate"
  /** The entropy history; `value` is the step nearest to the pointer's column. */
  | "entropy";

export interface Hit {
  kind: HitKind;
  value: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CAPACITY = 1024;

/** Regions of the frame on show, in logical pixels, registered by panels as they draw. Reused, never allocated. */
export class Hits {
  private readonly regions: Hit[] = Array.from({ length: CAPACITY }, () => ({
    kind: "stream",
    value: 0,
    x: 0,
    y: 0,
    width: 0,
    height: 0,
  }));
  private count = 0;

  reset(): void {
    this.count = 0;
  }

  add(kind: HitKind, value: number, x: number, y: number, width: number, height: number): void {
    if (this.count === CAPACITY) return;
    const region = this.regions[this.count++]!;
    region.kind = kind;
    region.value = value;
    region.x = x;
    region.y = y;
    region.width = width;
    region.height = height;
  }

  /** The topmost region under a point, of the given kind if one is given. */
  find(x: number, y: number, kind?: HitKind): Readonly<Hit> | null {
    for (let i = this.count - 1; i >= 0; i--) {
      const r = this.regions[i]!;
      const inside = x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height;
      if (inside && (kind === undefined || r.kind === kind)) return r;
    }
    return null;
  }
}
