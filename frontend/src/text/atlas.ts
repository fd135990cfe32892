/** Place of a glyph in the atlas. `used` is the newest frame that drew it, -1 if none ever did. */
export interface Slot {
  readonly x: number;
  readonly y: number;
  used: number;
  /** Called when the place is given to another: the holder must ask anew. */
  evicted: (() => void) | null;
}

/** A part of a row, cut into equal slots. */
interface Block {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  slotWidth: number;
  slots: Slot[];
}

interface Row {
  readonly y: number;
  readonly height: number;
  filled: number;
}

/** Rows of the bitmap that changed since the last upload. */
export interface DirtyRows {
  readonly first: number;
  readonly count: number;
}

const BLOCK = 256;

/** Slots come in few sizes, so that the glyphs of many faces share them: at most a fifth is wasted in either direction. */
const SIZES = [8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256];

function sizeClass(pixels: number): number {
  return SIZES.find((size) => size >= pixels) ?? Math.ceil(pixels / 64) * 64;
}

/**
 * Coverage of all glyphs on one page, kept on the CPU so that a lost GPU device costs an upload and no more.
 *
 * The page is cut in rows, rows in blocks, blocks in equal slots. A glyph takes a free slot of its class; then a
 * new block; then the slot of its class that was longest unused; then a block of any class that this frame has
 * not touched.
 */
export class Atlas {
  readonly coverage: Uint8Array<ArrayBuffer>;
  /** Glyphs that found no room, over the atlas's life. */
  refused = 0;
  evictions = 0;
  private readonly rows: Row[] = [];
  private readonly blocks: Block[] = [];
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
    const slot = this.place(sizeClass(width), sizeClass(height), frame);
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
    for (const block of this.blocks) for (const slot of block.slots) slot.evicted?.();
    this.blocks.length = 0;
    this.rows.length = 0;
  }

  private place(width: number, height: number, frame: number): Slot | null {
    const same = this.blocks.filter((b) => b.slotWidth === width && b.height === height);
    for (const block of same) {
      const free = block.slots.find((s) => s.used < 0);
      if (free) return free;
    }
    return (
      this.openBlock(width, height) ?? this.stealSlot(same, frame) ?? this.stealBlock(width, height, frame)
    );
  }

  private openBlock(slotWidth: number, height: number): Slot | null {
    const width = Math.ceil(slotWidth / BLOCK) * BLOCK;
    const row =
      this.rows.find((r) => r.height === height && r.filled + width <= this.width) ?? this.openRow(height);
    if (!row || row.filled + width > this.width) return null;
    const block: Block = { x: row.filled, y: row.y, width, height, slotWidth, slots: [] };
    row.filled += width;
    this.blocks.push(block);
    return this.slice(block, slotWidth);
  }

  private openRow(height: number): Row | null {
    const last = this.rows[this.rows.length - 1];
    const y = last ? last.y + last.height : 0;
    if (y + height > this.height) return null;
    const row = { y, height, filled: 0 };
    this.rows.push(row);
    return row;
  }

  /** Cuts a block into slots and returns the first. */
  private slice(block: Block, slotWidth: number): Slot {
    block.slotWidth = slotWidth;
    block.slots = Array.from({ length: Math.floor(block.width / slotWidth) }, (_, i) => ({
      x: block.x + i * slotWidth,
      y: block.y,
      used: -1,
      evicted: null,
    }));
    return block.slots[0]!;
  }

  private stealSlot(blocks: readonly Block[], frame: number): Slot | null {
    let oldest: Slot | null = null;
    for (const block of blocks) {
      for (const slot of block.slots) if (slot.used < (oldest?.used ?? frame)) oldest = slot;
    }
    if (oldest) this.evict(oldest);
    return oldest;
  }

  private stealBlock(width: number, height: number, frame: number): Slot | null {
    let best: Block | null = null;
    let bestUse = frame;
    for (const block of this.blocks) {
      if (block.height < height || block.width < width) continue;
      const newest = block.slots.reduce((most, slot) => Math.max(most, slot.used), -1);
      if (newest < bestUse) {
        best = block;
        bestUse = newest;
      }
    }
    if (!best) return null;
    for (const slot of best.slots) this.evict(slot);
    return this.slice(best, width);
  }

  private evict(slot: Slot): void {
    if (slot.evicted) this.evictions++;
    slot.evicted?.();
    slot.evicted = null;
  }
}
