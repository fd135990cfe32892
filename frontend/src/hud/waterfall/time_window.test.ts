import { describe, expect, it } from "vitest";
import { stateAfter } from "../../../test/monitor_run";
import { motion } from "../theme";
import { slide, TimeWindow } from "./time_window";

describe("the slide of new columns", () => {
  it("begins a whole column away, eases out as a cubic, and ends in 240 ms", () => {
    const { tokens } = stateAfter(5, 10);
    const { arrived } = tokens.at(-1)!;
    expect(slide(tokens, arrived)).toBe(1);
    expect(slide(tokens, arrived + motion.slideIn / 2)).toBeCloseTo(0.125, 9);
    expect(slide(tokens, arrived + motion.slideIn)).toBe(0);
  });

  it("takes no longer than the tokens are apart, so that the newest is always seen", () => {
    const { tokens } = stateAfter(20, 0.02);
    const { arrived } = tokens.at(-1)!;
    expect(slide(tokens, arrived)).toBeCloseTo(1, 6);
    expect(slide(tokens, arrived + 0.02)).toBeCloseTo(0, 6);
  });

  it("moves tokens of one frame together", () => {
    const state = stateAfter(3, 10);
    state.tokens.push({ ...state.tokens.at(-1)! });
    expect(slide(state.tokens, state.tokens.at(-1)!.arrived)).toBe(2);
  });
});

describe("the window over the run", () => {
  it("follows the newest until it is scrolled, and again at the end", () => {
    const window = new TimeWindow();
    expect(window.at(50, 0, 0, false)).toBe(50);
    expect(window.at(51, 0.25, 1, false)).toBe(50.75);
    window.scroll(-10, 51, 8);
    expect(window.at(60, 0, 2, false)).toBeCloseTo(40.75);
    expect(window.follows).toBe(false);
    window.scroll(100, 60, 8);
    expect(window.follows).toBe(true);
    expect(window.at(60, 0, 2, false)).toBe(60);
  });

  it("stops at the first token", () => {
    const window = new TimeWindow();
    window.at(50, 0, 0, false);
    window.scroll(-1000, 50, 8);
    expect(window.at(50, 0, 0, false)).toBe(8);
    window.reset();
    window.at(3, 0, 0, false);
    window.scroll(-2, 3, 8);
    expect(window.at(3, 0, 0, false)).toBe(3);
  });

  it("holds still for a pinned step in view, and goes to one that is not", () => {
    const window = new TimeWindow();
    window.at(50, 0, 0, false);
    window.reveal(47, 50, 8, 0);
    expect(window.at(55, 0, 1, false)).toBe(50);
    window.reveal(10, 55, 8, 1);
    expect(window.at(55, 0, 1, false)).toBe(50);
    expect(window.at(55, 0, 1 + motion.slideIn, false)).toBe(14);
    window.goTo(null, 3);
    expect(window.at(56, 0, 3, true)).toBe(56);
  });
});
