import { describe, expect, it } from "vitest";
import { AttentionMatrix, MATRIX_EDGE } from "../../state/attention_matrix";
import { createState } from "../../state/initial";
import { attentionKey } from "../../state/reduce";
import type { Asked, Requests } from "../../state/requests";
import type { Run } from "../../state/state";
import { floatToHalf, halfToFloat } from "../../telemetry/half";
import type { AttentionReply, RunStarted } from "../../telemetry/protocol.gen";
import { HEAT_EDGE, HeatStore } from "../heat_store";
import { attentionLayout } from "./attention_layout";
import { attentionModel } from "./attention_model";
import { DetailCells } from "./cells";
import { Detail } from "./detail";
import { labelStride } from "./matrix_axes";
import { MatrixPicture } from "./matrix_picture";
import { MatrixRequests, piecesMissing } from "./matrix_request";
import { moved, wholeWindow, zoomed } from "./matrix_window";
import { MatrixZoom } from "./matrix_zoom";
import { firstHead } from "./multiples";
import { barsOf, namedBars } from "./row_bars";

const weight = (query: number, key: number): number => (((query * 31 + key * 17) % 97) + 1) / 128;

/** An answer as the server makes it when it has `held` positions; see `attention_block`. */
function answer(
  piece: Omit<Extract<Asked, { kind: "get_attention" }>, "kind">,
  held = piece.query_stop,
): AttentionReply {
  const { query_start: q0, key_start: k0, max_size } = piece;
  const q1 = Math.min(piece.query_stop, held);
  const k1 = Math.min(piece.key_stop, q1);
  const queryBlock = Math.max(1, Math.ceil((q1 - q0) / max_size));
  const keyBlock = Math.max(1, Math.ceil((k1 - k0) / max_size));
  const shape = [Math.ceil((q1 - q0) / queryBlock), Math.ceil((k1 - k0) / keyBlock)] as const;
  const data = new Float32Array(shape[0] * shape[1]);
  for (let q = q0; q < q1; q++) {
    for (let k = k0; k < Math.min(k1, q + 1); k++) {
      const at = Math.floor((q - q0) / queryBlock) * shape[1] + Math.floor((k - k0) / keyBlock);
      data[at] = Math.max(data[at]!, weight(q, k));
    }
  }
  return {
    kind: "attention_reply",
    request: 0,
    run_id: "",
    ...piece,
    query_stop: q1,
    key_stop: k1,
    query_block: queryBlock,
    key_block: keyBlock,
    weights: { data, shape },
    sink: { data: new Float32Array(shape[0]), shape: [shape[0]] },
  };
}

const head = { layer: 0, head: 0, mode: "head" } as const;

/** A matrix made whole by asking for what it lacks. */
function asked(length: number): { matrix: AttentionMatrix; questions: number } {
  const matrix = new AttentionMatrix();
  let questions = 0;
  for (
    let pieces = piecesMissing(matrix, length);
    pieces.length > 0;
    pieces = piecesMissing(matrix, length)
  ) {
    for (const piece of pieces) {
      expect(piece.max_size).toBeLessThanOrEqual(512);
      expect(matrix.addReply(answer({ ...head, ...piece }, length))).toBe(true);
      questions++;
    }
    if (questions > 99) throw new Error("it asks without end");
  }
  return { matrix, questions };
}

function most(q0: number, q1: number, k0: number, k1: number): number {
  let value = 0;
  for (let q = q0; q < q1; q++)
    for (let k = k0; k < Math.min(k1, q + 1); k++) value = Math.max(value, weight(q, k));
  return value;
}

describe("what is asked for", () => {
  it.each([1, 40, 300, 513, 1000, 1025, 2047, 3001])("makes a matrix of %i whole, and true", (length) => {
    const { matrix } = asked(length);
    const { block } = matrix;
    expect(block).toBe(Math.max(1, 2 ** Math.ceil(Math.log2(length / MATRIX_EDGE))));
    for (let row = 0; row < matrix.rows; row += Math.ceil(matrix.rows / 40)) {
      for (let column = 0; column <= row; column += Math.ceil(matrix.rows / 40)) {
        const q = row * block;
        const k = column * block;
        expect(matrix.value(row, column)).toBe(most(q, Math.min(q + block, length), k, k + block));
      }
    }
  });

  it.each([30, 511, 700])(
    "brings the rows that came after %i, while the question was on its way",
    (length) => {
      const matrix = new AttentionMatrix();
      for (const piece of piecesMissing(matrix, length)) {
        matrix.addReply(answer({ ...head, ...piece }, length + 3));
      }
      expect(matrix.missing(length + 3, 1)).toBeNull();
      expect(matrix.value(length + 2, length + 1)).toBe(weight(length + 2, length + 1));
    },
  );

  it("asks for no more than it lacks where the newest rows are there", () => {
    const matrix = new AttentionMatrix();
    const piece = { query_start: 40, query_stop: 50, key_start: 0, key_stop: 50, max_size: 50 };
    matrix.addReply(answer({ ...head, ...piece }));
    expect(piecesMissing(matrix, 50).map(({ query_stop }) => query_stop)).toEqual([40]);
  });

  it("is small enough for a long context", () => {
    const pieces = piecesMissing(new AttentionMatrix(), 8192);
    for (const { query_start, query_stop, key_start, key_stop, max_size } of pieces) {
      const rows = Math.ceil((query_stop - query_start) / Math.ceil((query_stop - query_start) / max_size));
      const columns = Math.ceil((key_stop - key_start) / Math.ceil((key_stop - key_start) / max_size));
      expect(rows * columns * 4).toBeLessThanOrEqual(2 ** 20);
    }
  });

  it("leaves to the stream what it is about to bring", () => {
    const state = createState();
    const started = { run_id: "r" } as RunStarted;
    const weights = { data: new Uint16Array(40), shape: [1, 40] };
    const sink = { data: new Float32Array(1), shape: [1] };
    const rows = {
      kind: "attention",
      run_id: "r",
      layer: 0,
      head: 1,
      query_start: 39,
      weights,
      sink,
    } as const;
    state.run = { started, state: { phase: "running" } } as unknown as Run;
    state.right = "viewer";
    state.attention.set(attentionKey(0, 1), rows);
    state.attentionHistory
      .use(0, 1, "head")
      .addReply(
        answer({ ...head, query_start: 0, query_stop: 40, key_start: 0, key_stop: 40, max_size: 40 }),
      );
    const asked: number[] = [];
    const ask = (_: string, { query_start }: { query_start: number }) => void asked.push(query_start);
    const requests = new MatrixRequests("test");
    const asks = (length: number) => requests.ask(state, 0, 1, "head", length, ask as Requests["ask"]);
    expect([asks(42), asks(48)]).toEqual([false, false]);
    state.run = { started, state: { phase: "paused" } } as unknown as Run;
    expect(asks(42)).toBe(true);
    expect(asked).toEqual([40]);
    const late = new MatrixRequests("test");
    state.run = { started, state: { phase: "running" } } as unknown as Run;
    expect(late.ask(state, 0, 1, "head", 49, ask as Requests["ask"])).toBe(true); // it has not come
    expect(asked).toEqual([40, 40]);
  });

  it("is asked once, and never again where it was refused", () => {
    const state = createState();
    const questions: ((message: string) => void)[] = [];
    const ask = (
      _slot: string,
      _asked: unknown,
      _done: unknown,
      refused?: (message: string) => void,
    ): void => {
      questions.push(refused!);
    };
    const requests = new MatrixRequests("test");
    requests.ask(state, 0, 1, "mean", 20, ask);
    requests.ask(state, 0, 1, "mean", 20, ask);
    expect(questions).toHaveLength(1);
    questions[0]!("The recording does not hold it.");
    requests.ask(state, 0, 1, "mean", 20, ask);
    expect(questions).toHaveLength(1);
    expect(requests.refusal).toBe("The recording does not hold it.");
    requests.ask(state, 0, 2, "mean", 20, ask);
    expect([questions.length, requests.refusal]).toEqual([2, ""]);
    questions[1]!("It is not there yet.");
    requests.forget();
    requests.ask(state, 0, 2, "mean", 20, ask);
    expect([questions.length, requests.refusal]).toEqual([3, ""]);
  });
});

describe("a window", () => {
  it("grows in steps, so that the picture does not breathe with every token", () => {
    expect([1, 8, 25, 95, 117, 1000].map((length) => wholeWindow(length).span)).toEqual([
      8, 8, 26, 96, 120, 1024,
    ]);
    for (let length = 9; length < 3000; length += 13) {
      expect(wholeWindow(length).span).toBeGreaterThanOrEqual(length);
      expect(wholeWindow(length).span).toBeLessThanOrEqual(length * 1.1 + 1);
    }
  });

  it("zooms round the pointer, and back to all", () => {
    const near = zoomed(wholeWindow(96), 96, 2, 60, 20)!;
    expect(near).toEqual({ query: 30, key: 10, span: 48 });
    expect(zoomed(near, 96, 0.4, 60, 20)).toBeNull();
    expect(zoomed(near, 96, 99, 60, 20)!.span).toBe(8);
    expect(moved(near, 96, 999, -999)).toEqual({ query: 48, key: 0, span: 48 });
  });
});

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

describe("the part in view", () => {
  const event = {
    type: "wheel",
    x: 100,
    y: 300,
    dx: 0,
    dy: 0,
    wheel: -400,
    shift: false,
    ctrl: false,
  } as const;
  const plot = { x: 0, y: 0, width: 400, height: 400 };

  it("is in the page's options, so that a link shows the same", () => {
    const state = createState();
    const zoom = new MatrixZoom();
    zoom.pointer(event, state, 200, plot, 208);
    const seen = zoom.window(state, 200)!;
    expect(seen.span).toBeLessThan(100);
    const other = createState();
    for (const [name, value] of state.options) other.options.set(name, value);
    expect(new MatrixZoom().window(other, 200)).toEqual(seen);
    zoom.pointer({ ...event, type: "drag", dx: -100, dy: 0 }, state, 200, plot, seen.span);
    expect(zoom.window(state, 200)!.key).toBe(seen.key + Math.trunc((100 * seen.span) / 400));
    zoom.pointer({ ...event, type: "double" }, state, 200, plot, seen.span);
    expect([zoom.window(state, 200), state.options.size]).toEqual([null, 0]);
  });

  it("waits for a run that has not grown so far, and takes no nonsense", () => {
    const state = createState();
    state.options.set("attention.window", "40_10_60");
    expect(new MatrixZoom().window(state, 30)).toBeNull();
    expect(new MatrixZoom().window(state, 200)).toEqual({ query: 40, key: 10, span: 60 });
    for (const text of ["", "1_2", "1_2_0", "a_b_c", "-1_2_3", "1e9_0_99999999"]) {
      state.options.set("attention.window", text);
      expect(new MatrixZoom().window(state, 200)).toBeNull();
    }
  });
});

describe("the row's bars", () => {
  it("are its weights, or the maximum of neighbours where they are too many", () => {
    const weights = Float32Array.from({ length: 1000 }, (_, i) => weight(7, i));
    const exact = barsOf({ weights, joined: 1 }, 4000);
    expect([exact.joined, exact.heights.length]).toEqual([1, 1000]);
    const joined = barsOf({ weights, joined: 2 }, 400);
    expect(joined.joined).toBe(10);
    expect(joined.heights[3]).toBe(Math.max(...weights.subarray(15, 20)));
    expect(joined.heights[joined.highest]).toBe(Math.max(...weights));
    const named = namedBars(joined, 2).sort((a, b) => a - b);
    for (let i = 1; i < named.length; i++) expect((named[i]! - named[i - 1]!) * 2).toBeGreaterThanOrEqual(11);
  });
});

describe("places", () => {
  it("never overlap nor leave the panel, whatever its size", () => {
    for (const [width, height] of [
      [392, 496],
      [300, 250],
      [666, 950],
      [1870, 930],
      [392, 940],
      [2500, 1300],
      [968, 453],
      [1224, 533],
      [1200, 240],
      [2500, 330],
    ] as const) {
      for (const heads of [1, 9, 64]) {
        const place = attentionLayout({ x: 10, y: 20, width, height }, heads);
        const { plot, sliders, switches, overview, row, multiples, depth } = place;
        for (const part of [plot, sliders, switches, overview, row, multiples, depth]) {
          if (!part) continue;
          expect(part.x).toBeGreaterThanOrEqual(10);
          expect(part.y).toBeGreaterThanOrEqual(20);
          expect(part.x + part.width).toBeLessThanOrEqual(10 + width + 0.5);
          expect(part.y + part.height).toBeLessThanOrEqual(20 + height + 0.5);
        }
        const beside = [row, multiples, overview, depth, sliders, switches].filter((part) => part !== null);
        beside.sort((a, b) => a.y - b.y);
        for (let i = 1; i < beside.length; i++) {
          expect(beside[i]!.y).toBeGreaterThanOrEqual(beside[i - 1]!.y + beside[i - 1]!.height - 0.5);
        }
      }
    }
  });

  it("give the row room for its bars in every window that is wide", () => {
    // Focused at 1024 x 640, 1280 x 720, 1366 x 768 and 1920 x 1080.
    for (const [width, height] of [
      [968, 453],
      [1224, 533],
      [1310, 581],
      [1864, 893],
    ] as const) {
      const { plot, row, depth } = attentionLayout({ x: 0, y: 0, width, height }, 9);
      expect(row?.height, `row at ${width} x ${height}`).toBeGreaterThanOrEqual(140);
      expect(depth !== null, `lines by layer at ${width} x ${height}`).toBe(height > 600);
      expect(plot.height).toBeGreaterThan(0.8 * height);
    }
  });

  it("thin labels, and keep the selected head among the small ones", () => {
    expect([labelStride(30, 300), labelStride(96, 300), labelStride(300, 300)]).toEqual([2, 4, 11]);
    expect([firstHead(5, 9), firstHead(0, 64), firstHead(40, 64), firstHead(63, 64)]).toEqual([0, 0, 32, 48]);
  });
});
