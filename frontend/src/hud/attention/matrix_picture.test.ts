import { describe, expect, it } from "vitest";
import { answer, asked, head, most, weight } from "../../../test/attention_answers";
import { createState } from "../../state/initial";
import type { Requests } from "../../state/requests";
import { floatToHalf, halfToFloat } from "../../telemetry/half";
import { HEAT_EDGE, HeatStore } from "../heat_store";
import { attentionModel } from "./attention_model";
import { DetailCells } from "./cells";
import { Detail } from "./detail";
import { MatrixPicture } from "./matrix_picture";
import { wholeWindow } from "./matrix_window";

/** The value painted at a place. */
function cellOf(heat: HeatStore, picture: MatrixPicture, row: number, column: number): number {
  const { heatRegion } = picture;
  return halfToFloat(heat.values[(heatRegion.y + row) * HEAT_EDGE + heatRegion.x + column]!);
}

describe("the picture of a matrix", () => {
  it("is exact where the cells fit, with nothing above the diagonal", () => {
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    picture.paint(asked(90).matrix, wholeWindow(90), "absolute", 200, 90);
    expect([picture.places, picture.joined, picture.exact]).toEqual([92, 1, true]);
    for (let row = 0; row < 90; row += 11) {
      for (let column = 0; column <= row; column += 7) {
        expect(cellOf(heat, picture, row, column)).toBe(weight(row, column));
      }
      expect(cellOf(heat, picture, row, row + 1)).toBeNaN();
    }
    expect(cellOf(heat, picture, 90, 0)).toBeNaN();
  });

  it("shows the maximum where there are more cells than places", () => {
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    picture.paint(asked(1500).matrix, wholeWindow(1500), "absolute", 200, 1500);
    expect(picture.joined).toBe(8);
    for (const [row, column] of [
      [0, 0],
      [100, 3],
      [187, 150],
    ] as const) {
      const expected = most(row * 8, Math.min(row * 8 + 8, 1500), column * 8, column * 8 + 8);
      expect(cellOf(heat, picture, row, column)).toBe(expected);
    }
  });

  it("scales each row by its greatest where asked to", () => {
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    picture.paint(asked(60).matrix, wholeWindow(60), "row", 200, 60);
    for (const row of [5, 33, 59]) {
      const top = most(row, row + 1, 0, row + 1);
      expect(cellOf(heat, picture, row, 3)).toBeCloseTo(weight(row, 3) / top, 3);
    }
  });

  it("writes the rows that changed and no others", () => {
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    const { matrix } = asked(90);
    picture.paint(matrix, wholeWindow(90), "absolute", 200, 90);
    while (heat.takeDirty());
    picture.paint(matrix, wholeWindow(90), "absolute", 200, 90);
    expect(heat.takeDirty()).toBeNull();
    const piece = { query_start: 90, query_stop: 91, key_start: 0, key_stop: 91, max_size: 91 };
    matrix.addReply(answer({ ...head, ...piece }));
    picture.paint(matrix, wholeWindow(91), "absolute", 200, 91);
    expect(heat.takeDirty()).toEqual({ first: 88, count: 8 });
    expect(cellOf(heat, picture, 90, 40)).toBe(weight(90, 40));
  });

  it("brings exact cells back in a small window of a long run", () => {
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    const piece = { query_start: 2000, query_stop: 2100, key_start: 1500, key_stop: 1600, max_size: 512 };
    const cells = new DetailCells(answer({ ...head, ...piece }));
    const window = { query: 2000, key: 1500, span: 100 };
    expect(cells.covers(window, 3000)).toBe(true);
    expect(cells.covers({ ...window, key: 1499 }, 3000)).toBe(false);
    picture.paint(cells, window, "absolute", 200, 3000);
    expect([picture.joined, picture.query, picture.key]).toEqual([1, 2000, 1500]);
    expect(cellOf(heat, picture, 7, 30)).toBe(halfToFloat(floatToHalf(weight(2007, 1530))));
  });
});

describe("a part of a long run, exact", () => {
  it("scales each row by the greatest of all its keys, those outside of the part too", () => {
    const state = createState();
    const model = { ...attentionModel(state, "head"), length: 3000 };
    const window = { query: 2000, key: 1500, span: 20 };
    const detail = new Detail();
    const ask: Requests["ask"] = (_, asked, done) => {
      if (asked.kind === "get_attention") done(answer(asked) as never);
    };
    const of = (perRow: boolean): DetailCells | null => detail.of(state, model, window, perRow, ask);
    of(true);
    const own = of(false)!;
    expect(own.tops).toBeNull();
    of(true);
    const heat = new HeatStore();
    const picture = new MatrixPicture(heat, 256);
    picture.paint(of(true)!, window, "row", 200, 3000);
    const top = most(2007, 2008, 0, 2008);
    expect(most(2007, 2008, 1500, 1520)).toBeLessThan(top);
    expect(cellOf(heat, picture, 7, 3)).toBeCloseTo(weight(2007, 1503) / top, 3);
  });
});
