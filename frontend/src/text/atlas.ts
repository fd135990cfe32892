/** Place of a glyph in the atlas. `used` is the newest frame that drew it. */
export interface Slot {
  readonly x: number;
  readonly y: number;
  used: number;
  /** Called when the place is given to another: the holder must ask anew. */
  evicted: (() => void) | null;
}

interface Shelf {
  readonly y: number;
  readonly height: number;
  slotWidth: number;
  slotHeight: number;
  slots: Slot[];
}

/** Rows of the bitmap that changed since the last upload. */
export interface DirtyRows {
  readonly first: number;
  readonly count: number;
}

const roundUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/**
 * Coverage of all glyphs on one page, kept on the CPU so that a lost GPU device costs an upload and no more.
 *
 * The page is cut in shelves of equal slots. A glyph takes a free slot of its class; then a new shelf; then the
 * slot of its class that was longest unused; then a whole shelf of another class that this frame has not touched.
 */
export class Atlas {
  readonly coverage: Uint8Array<ArrayBuffer>;
  /** Glyphs that found no room, over the atlas's life. */
  refused = 0;
  evictions = 0;
  private readonly shelves: Shelf[] = [];
  private filled = 0;
  private dirtyFirst = Number.POSITIVE_INFINITY;
  private dirtyLast = -1;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.coverage = new Uint8Array(width * height);
  }

  /** A place for a bitmap, or null if all is taken by glyphs of this very frame. */
  put(width: number, height: number, coverage: Uint8Array, frame: number): Slot | null {
    const slot = this.place(roundUp(width, 8), roundUp(height, 4), frame);
    if (!slot) {
      this.refused++;
      return null;
    }
    slot.used = frame;
    for (let row = 0; row < height; row++) {
      const from = coverage.subarray(row * width, (row + 1) * width);
      this.coverage.set(from, (slot.y + row) * this.width + slot.x);
    }
    this.dirtyFirst = Math.min(this.dirtyFirst, slot.y);
    this.dirtyLast = Math.max(this.dirtyLast, slot.y + height - 1);
    return slot;
  }

  takeDirty(): DirtyRows | null {
    if (this.dirtyLast < 0) return null;
    const dirty = { first: this.dirtyFirst, count: this.dirtyLast - this.dirtyFirst + 1 };
    this.dirtyFirst = Number.POSITIVE_INFINITY;
    this.dirtyLast = -1;
    return dirty;
  }

  /** Forgets every glyph, as when the font changes. */
  clear(): void {
    for (const shelf of this.shelves) for (const slot of shelf.slots) slot.evicted?.();
    this.shelves.length = 0;
    this.filled = 0;
  }

  private place(width: number, height: number, frame: number): Slot | null {
    if (width > this.width || height > this.height) return null;
    const same = this.shelves.filter((s) => s.slotWidth === width && s.slotHeight === height);
    for (const shelf of same) {
      const free = shelf.slots.find((s) => s.evicted === null && s.used < 0);
      if (free) return free;
    }
    const opened = this.openShelf(width, height);
    if (opened) return opened.slots[0]!;
    return this.stealSlot(same, frame) ?? this.stealShelf(width, height, frame);
  }

  private openShelf(width: number, height: number): Shelf | null {
    if (this.filled + height > this.height) return null;
    const shelf: Shelf = { y: this.filled, height, slotWidth: width, slotHeight: height, slots: [] };
    this.filled += height;
    this.slice(shelf, width, height);
    this.shelves.push(shelf);
    return shelf;
  }

  private slice(shelf: Shelf, width: number, height: number): void {
    shelf.slotWidth = width;
    shelf.slotHeight = height;
    shelf.slots = Array.from({ length: Math.floor(this.width / width) }, (_, i) => ({
      x: i * width,
      y: shelf.y,
      used: -1,
      evicted: null,
    }));
  }

  private stealSlot(shelves: readonly Shelf[], frame: number): Slot | null {
    let oldest: Slot | null = null;
    for (const shelf of shelves) {
      for (const slot of shelf.slots) if (slot.used < (oldest?.used ?? frame)) oldest = slot;
    }
    if (oldest) this.evict(oldest);
    return oldest;
  }

  private stealShelf(width: number, height: number, frame: number): Slot | null {
    let best: Shelf | null = null;
    let bestUse = frame;
    for (const shelf of this.shelves) {
      const newest = Math.max(...shelf.slots.map((s) => s.used));
      if (shelf.height >= height && newest < bestUse) {
        best = shelf;
        bestUse = newest;
      }
    }
    if (!best) return null;
    for (const slot of best.slots) this.evict(slot);
    this.slice(best, width, height);
    return best.slots[0]!;
  }

  private evict(slot: Slot): void {
    if (slot.evicted) this.evictions++;
    slot.evicted?.();
    slot.evicted = null;
  }
}
