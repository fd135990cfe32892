import { expect, it, vi } from "vitest";
import { Drawn } from "../../test/drawn";
import { stateAfter } from "../../test/monitor_run";
import { stepSelected } from "../state/reduce";
import { monitor } from "./monitor";
import { keepPlace } from "./monitor_stream";
import { createMonitorUi } from "./monitor_ui";
import { text } from "./theme";

it("keeps the place of who scrolled back, and follows the newest otherwise", () => {
  const ui = createMonitorUi();
  ui.scrollLimit = 40;
  keepPlace(ui, 50);
  keepPlace(ui, 53);
  expect(ui.scroll).toBe(0);
  ui.scroll = 10;
  keepPlace(ui, 55);
  expect(ui.scroll).toBe(12);
  ui.scrollLimit = 12;
  keepPlace(ui, 58);
  expect(ui.scroll).toBe(12);
  keepPlace(ui, 3);
  expect(ui.scroll).toBe(0);
});

it("scrolls with the wheel over its words as beside them", () => {
  for (const [kind, value] of [
    ["stream", 0],
    ["token", 23],
  ] as const) {
    const drawn = new Drawn(monitor, stateAfter(24), { x: 16, y: 60, width: 352, height: 400 });
    expect(drawn.ui.scrollLimit).toBeGreaterThan(0);
    expect(drawn.press(kind, value, 0.5, 0.5, { type: "wheel", wheel: -20 })).toBe(true);
    expect(drawn.ui.scroll).toBeGreaterThan(0);
  }
});

it("comes back to its newest line with who goes back to now", () => {
  const rect = { x: 16, y: 60, width: 352, height: 400 };
  const drawn = new Drawn(monitor, stateAfter(24), rect);
  drawn.press("stream", 0, 0.5, 0.5, { type: "wheel", wheel: -20 });
  drawn.draw(rect);
  expect(drawn.ui.scroll).toBeGreaterThan(0);
  stepSelected(drawn.state, null);
  drawn.draw(rect);
  expect(drawn.ui.scroll).toBe(0);
});

/** What the monitor writes in a style, line by line, and all it writes. */
function written(drawn: Drawn, width: number, height: number) {
  const spy = vi.spyOn(drawn.scene, "text");
  drawn.draw({ x: 16, y: 60, width, height });
  const { calls } = spy.mock;
  const lines = new Set(calls.filter(([, , , style]) => style === text.token).map(([, y]) => y));
  const all = calls.map(([, , words]) => words);
  spy.mockRestore();
  return { lines, all };
}

it("shows two lines of text at least above the time that each token took", () => {
  const drawn = new Drawn(monitor, stateAfter(60));
  let seen = 0;
  for (let height = 360; height < 700; height += 4) {
    const { lines, all } = written(drawn, 352, height);
    if (!all.some((words) => words.startsWith("time per token"))) continue;
    seen++;
    expect(lines.size, `lines in a panel ${height} px high`).toBeGreaterThanOrEqual(2);
  }
  expect(seen).toBeGreaterThan(20);
});

it("names candidates of eleven letters whole in a narrow panel", () => {
  const state = stateAfter(60);
  state.vocabulary = {
    label: () => "·Southampton",
    isControl: () => false,
  } as unknown as typeof state.vocabulary;
  expect(written(new Drawn(monitor, state), 352, 460).all).toContain("Southampton");
});
