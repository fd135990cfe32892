/** What a region of the HUD answers to. */
export type HitKind =
  /** A panel's heading: drag moves the panel, a double click focuses it. */
  | "title"
  /** Lets a panel fill the screen, or brings the cockpit back. */
  | "focus"
  /** Between two panels; `value` numbers it in the layout. */
  | "divider"
  /** Another instrument of the same place; `value` is its index. */
  | "tab"
  /** The token stream: the wheel scrolls it. */
  | "stream"
  /** A word of the stream; `value` is its step. */
  | "token"
  /** Shows more or fewer candidates. */
  | "top-count"
  /** A candidate for the next token; `value` is its token id. */
  | "candidate"
  /** The entropy history; `value` is the step nearest to the pointer's column. */
  | "entropy"
  /** A matrix of attention: the instrument finds the cell from the place. */
  | "heat-cell"
  /** A head; `value` is layer x 65536 + head, or the instrument finds it from the place. */
  | "head"
  /** `value` is the layer. */
  | "layer"
  /** A column of a token; `value` is its step. */
  | "column"
  /** A cell or a row of positions; `value` is the position. */
  | "position"
  /** A slider; `value` says which. */
  | "slider"
  /** A button or switch; `value` says which. */
  | "button"
  /** A plot or a map that the wheel and the pointer act on; `value` says which. */
  | "plot";

export interface Hit {
  kind: HitKind;
  value: number;
  /** Id of the instrument that registered it; empty for the cockpit's own. */
  owner: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const CAPACITY = 4096;

/** Regions of the frame on show, in logical pixels, registered by panels as they draw. Reused, never allocated. */
export class Hits {
  /** Whose regions are being added. */
  owner = "";
  private readonly regions: Hit[] = Array.from({ length: CAPACITY }, () => ({
    kind: "stream",
    value: 0,
    owner: "",
    x: 0,
    y: 0,
    width: 0,
    height: 0,
  }));
  private count = 0;

  reset(): void {
    this.count = 0;
    this.owner = "";
  }

  add(kind: HitKind, value: number, x: number, y: number, width: number, height: number): void {
    if (this.count === CAPACITY) return;
    const region = this.regions[this.count++]!;
    region.kind = kind;
    region.value = value;
    region.owner = this.owner;
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
