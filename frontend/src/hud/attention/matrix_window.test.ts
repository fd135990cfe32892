import { describe, expect, it } from "vitest";
import { createState } from "../../state/initial";
import { moved, wholeWindow, zoomed } from "./matrix_window";
import { MatrixZoom } from "./matrix_zoom";

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
