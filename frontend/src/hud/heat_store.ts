/** A rectangle of the heat texture, for one matrix. */
export interface HeatRegion {
  readonly x: number;
  readonly y: number;
  /** Greatest columns and rows it can hold. */
  readonly width: number;
  readonly height: number;
}

/** Columns of the heat texture. */
export const HEAT_EDGE = 1024;
/** Rows: room for two whole matrices that fade into each other, and all the small ones. */
export const HEAT_ROWS = 4096;
/** Rows that are sent together when one of them has changed. */
const BAND = 8;

/**
 * Values of every matrix on show, as half floats in one texture: attention comes off the wire as half floats, so
 * it is copied and never converted. Regions are made once, when a panel is made: side by side while they fit,
 * then one row of regions under the other.
 */
export class HeatStore {
  /** Half-float bits, row by row; 8 MiB. */
  readonly values = new Uint16Array(HEAT_EDGE * HEAT_ROWS);
  private shelfTop = 0;
  private shelfHeight = 0;
  private shelfUsed = 0;
  private readonly dirty = new Uint8Array(HEAT_ROWS / BAND);
  private anyDirty = false;

  region(width: number, height: number): HeatRegion {
    const beside = this.shelfUsed > 0 && this.shelfUsed + width <= HEAT_EDGE && height <= this.shelfHeight;
    const top = beside ? this.shelfTop : this.shelfTop + this.shelfHeight;
    if (width > HEAT_EDGE || top + height > HEAT_ROWS) {
      throw new RangeError(
        `no room for a ${width} x ${height} matrix: ${HEAT_ROWS - top} rows of ${HEAT_EDGE} are left`,
      );
    }
    if (!beside) {
      this.shelfTop = top;
      this.shelfHeight = height;
      this.shelfUsed = 0;
    }
    const region = { x: this.shelfUsed, y: top, width, height };
    this.shelfUsed += width;
    return region;
  }

  /** Copies rows of half floats, `columns` apart, from `source` into the region's top left. */
  write(region: HeatRegion, source: Uint16Array, columns: number, rows: number): void {
    const width = Math.min(columns, region.width);
    const height = Math.min(rows, region.height);
    for (let row = 0; row < height; row++) {
      // By hand: a view of each row would be an object of it.
      const from = row * columns;
      const to = (region.y + row) * HEAT_EDGE + region.x;
      for (let i = 0; i < width; i++) this.values[to + i] = source[from + i]!;
    }
    this.touch(region, 0, height);
  }

  /** Rows `first` to `first + count` of the region were written by hand, into `values`. */
  touch(region: HeatRegion, first: number, count: number): void {
    if (count <= 0) return;
    const last = Math.floor((region.y + first + count - 1) / BAND);
    for (let band = Math.floor((region.y + first) / BAND); band <= last; band++) this.dirty[band] = 1;
    this.anyDirty = true;
  }

  /** The next rows that have to be sent; null when there are no more. */
  takeDirty(): { first: number; count: number } | null {
    if (!this.anyDirty) return null;
    const from = this.dirty.indexOf(1);
    if (from < 0) {
      this.anyDirty = false;
      return null;
    }
    let to = from;
    while (to < this.dirty.length && this.dirty[to] === 1) this.dirty[to++] = 0;
    return { first: from * BAND, count: (to - from) * BAND };
  }
}
