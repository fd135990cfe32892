/** A rectangle of the heat texture, for one matrix. */
export interface HeatRegion {
  readonly x: number;
  readonly y: number;
  /** Greatest columns and rows it can hold. */
  readonly width: number;
  readonly height: number;
}

export const HEAT_EDGE = 1024;

/**
 * Values of every matrix on show, as half floats in one texture: attention comes off the wire as half floats, so
 * it is copied and never converted. Regions are made once, when a panel is made, one under the other.
 */
export class HeatStore {
  /** Half-float bits, row by row; 2 MiB. */
  readonly values = new Uint16Array(HEAT_EDGE * HEAT_EDGE);
  private filled = 0;
  private dirtyFirst = Number.POSITIVE_INFINITY;
  private dirtyLast = -1;

  region(width: number, height: number): HeatRegion {
    if (width > HEAT_EDGE || this.filled + height > HEAT_EDGE) {
      throw new RangeError(
        `no room for a ${width} x ${height} matrix: ${HEAT_EDGE - this.filled} rows of ${HEAT_EDGE} are left`,
      );
    }
    const region = { x: 0, y: this.filled, width, height };
    this.filled += height;
    return region;
  }

  /** Copies rows of half floats, `columns` apart, from `source` into the region's top left. */
  write(region: HeatRegion, source: Uint16Array, columns: number, rows: number): void {
    const width = Math.min(columns, region.width);
    const height = Math.min(rows, region.height);
    for (let row = 0; row < height; row++) {
      const from = source.subarray(row * columns, row * columns + width);
      this.values.set(from, (region.y + row) * HEAT_EDGE + region.x);
    }
    this.dirtyFirst = Math.min(this.dirtyFirst, region.y);
    this.dirtyLast = Math.max(this.dirtyLast, region.y + height - 1);
  }

  takeDirty(): { first: number; count: number } | null {
    if (this.dirtyLast < 0) return null;
    const dirty = { first: this.dirtyFirst, count: this.dirtyLast - this.dirtyFirst + 1 };
    this.dirtyFirst = Number.POSITIVE_INFINITY;
    this.dirtyLast = -1;
    return dirty;
  }
}
