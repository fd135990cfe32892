import { floatToHalf, halfToFloat } from "../../telemetry/half";
import { HEAT_EDGE, type HeatRegion, type HeatStore } from "../heat_store";
import type { Cells } from "./cells";
import type { MatrixWindow } from "./matrix_window";

/** How a weight becomes a colour: by itself, or as a share of the greatest of its row. */
export type WeightScale = "absolute" | "row";

/** Half-float bits of no number: the cell is left out of the picture. */
const NONE = 0x7e00;

/**
 * A window of a matrix in the heat texture. Rows are written when they have changed, and not else. Where there are
 * more cells than places, a place shows their maximum.
 */
export class MatrixPicture {
  /** Positions along the side of a place. */
  joined = 1;
  /** Places along each side. */
  places = 0;
  /** First position of the first row and column, a multiple of the matrix's block. */
  query = 0;
  key = 0;
  private readonly region: HeatRegion;
  private matrix: Cells | null = null;
  private scale: WeightScale = "absolute";
  private painted = 0;
  private shown = 0;
  private length = 0;

  constructor(
    private readonly heat: HeatStore,
    edge: number,
  ) {
    this.region = heat.region(edge, edge);
  }

  get heatRegion(): HeatRegion {
    return this.region;
  }

  /** Positions in view along a side. */
  get span(): number {
    return this.places * this.joined;
  }

  /** Every place is one exact cell. */
  get exact(): boolean {
    return this.joined === 1;
  }

  /** Shows `matrix` in at most `room` places a side; queries from position `shown` on are left out. */
  paint(matrix: Cells, window: MatrixWindow, scale: WeightScale, room: number, shown: number): void {
    const { block } = matrix;
    const most = Math.max(1, Math.min(Math.floor(room), this.region.width));
    const cells = Math.ceil(window.span / block);
    const joined = block * Math.ceil(cells / most);
    const query = Math.floor(window.query / joined) * joined;
    const key = Math.floor(window.key / joined) * joined;
    const places = Math.min(Math.ceil(window.span / joined), most);
    const same =
      matrix === this.matrix && scale === this.scale && joined === this.joined && places === this.places;
    const whole = !same || query !== this.query || key !== this.key;
    if (!whole && matrix.revision === this.painted && shown === this.shown) return;
    const since = this.painted;
    // A row's end moves with the newest position: those at the old end are written again.
    const edge = Math.min(shown, this.shown, this.length);
    this.matrix = matrix;
    this.scale = scale;
    this.joined = joined;
    this.places = places;
    this.query = query;
    this.key = key;
    this.painted = matrix.revision;
    this.shown = shown;
    this.length = matrix.length;
    for (let row = 0; row < places; row++) {
      const end = query + (row + 1) * joined;
      if (whole || end > edge || this.changed(matrix, row, since)) this.paintRow(matrix, row);
    }
  }

  private changed(matrix: Cells, row: number, since: number): boolean {
    const first = (this.query + row * this.joined) / matrix.block;
    for (let cell = first; cell < first + this.joined / matrix.block; cell++) {
      if (matrix.rowRevision[cell]! > since) return true;
    }
    return false;
  }

  private paintRow(matrix: Cells, row: number): void {
    const { heat, region, places } = this;
    const at = (region.y + row) * HEAT_EDGE + region.x;
    const { values: out } = heat;
    heat.touch(region, row, 1);
    out.fill(NONE, at, at + places);
    const { block } = matrix;
    const each = this.joined / block;
    const first = this.query / block + row * each;
    const last = Math.min(first + each, matrix.rows, Math.ceil(this.shown / block));
    const column = this.key / block;
    let top = 0;
    for (let cell = first; cell < last; cell++) {
      if (!matrix.isRowKnown(cell)) continue;
      const weights = matrix.row(cell);
      if (this.scale === "row") top = Math.max(top, matrix.top(cell));
      for (let place = 0; place < places; place++) {
        const from = column + place * each;
        if (from > cell) break;
        let most = 0;
        for (let i = from; i < Math.min(from + each, weights.length); i++) most = Math.max(most, weights[i]!);
        if (out[at + place] === NONE || most > out[at + place]!) out[at + place] = most;
      }
    }
    if (top > 0) for (let place = at; place < at + places; place++) out[place] = shareOf(out[place]!, top);
  }
}

/** A weight as a share of the greatest, all as half-float bits. */
function shareOf(bits: number, top: number): number {
  return bits === NONE ? NONE : floatToHalf(halfToFloat(bits) / halfToFloat(top));
}
