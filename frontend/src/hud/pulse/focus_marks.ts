import type { AppState } from "../../state/state";
import { floatsToHalves } from "../../telemetry/half";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import type { HeatRegion } from "../heat_store";
import type { Scene } from "../scene";
import { focusModel } from "./pulse_model";
import { type Columns, type Rows, rowTop } from "./pulse_rows";
import { dimness, type Pass } from "./pulse_table";

const MOST_MARKS = 48;
const MOST_LAYERS = 160;

/** How sharply every head looks, as a matrix beside the rows: of this token, and of the one before. */
export class FocusMarks {
  columns = 0;
  headsPerMark = 1;
  private readonly current: HeatRegion;
  private readonly before: HeatRegion;
  private readonly halves = new Uint16Array(MOST_MARKS * MOST_LAYERS);
  private event: HeadSummary | null = null;

  constructor(private readonly scene: Scene) {
    const both = scene.heat.region(2 * MOST_MARKS, MOST_LAYERS);
    this.current = { ...both, width: MOST_MARKS };
    this.before = { ...both, x: both.x + MOST_MARKS, width: MOST_MARKS };
  }

  /** What was on show counts no more. */
  forget(): void {
    this.event = null;
    this.columns = 0;
  }

  follow(heads: HeadSummary | null, state: AppState): void {
    if (heads === this.event) return;
    const { heat } = this.scene;
    const layers = Math.min(heads?.entropy.shape[0] ?? 0, MOST_LAYERS);
    const known = this.event !== null;
    this.event = heads;
    if (!heads || layers === 0) {
      this.columns = 0;
      return;
    }
    if (known) heat.write(this.before, this.halves, this.columns, layers);
    const { columns, headsPerMark, marks } = focusModel(heads, state.model?.windows.data ?? [], MOST_MARKS);
    floatsToHalves(marks, layers * columns, this.halves);
    heat.write(this.current, this.halves, columns, layers);
    if (!known || columns !== this.columns) heat.write(this.before, this.halves, columns, layers);
    this.columns = columns;
    this.headsPerMark = headsPerMark;
  }

  draw(rows: Rows, columns: Columns, pass: Pass): void {
    if (this.columns === 0) return;
    const end = Math.min(rows.first + rows.shown, MOST_LAYERS);
    const turn = Math.min(Math.max(Math.floor(pass.passed), rows.first), end);
    this.stretch(this.current, rows, columns, rows.first, turn, 1);
    this.stretch(this.before, rows, columns, turn, end, dimness(pass));
  }

  private stretch(
    region: HeatRegion,
    rows: Rows,
    { focus, focusWidth }: Columns,
    from: number,
    to: number,
    bright: number,
  ): void {
    if (to <= from) return;
    const part = { ...region, y: region.y + from };
    const top = rowTop(rows, from);
    this.scene.heatmap(
      focus,
      top,
      focusWidth,
      rowTop(rows, to) - top,
      part,
      this.columns,
      to - from,
      1,
      bright,
    );
  }
}
