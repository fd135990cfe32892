import { expect, it } from "vitest";
import { ARRANGEMENTS, dropped } from "./arrangement";
import { layout } from "./layout";
import { PanelMotion } from "./panel_motion";
import { motion } from "./theme";

const minimum = () => ({ width: 260, height: 200 });
const all = ARRANGEMENTS.everything;
const place = (arrangement = all, focus: string | null = null, width = 1920) =>
  layout(width, 1080, { view: "both", arrangement, focus, minimum });

it("lets content come when the brackets have begun, and only where something changed", () => {
  const panels = new PanelMotion();
  panels.follow(place(), 10, false);
  expect(panels.content("kv", 10)).toBe(0);
  expect(panels.content("kv", 10 + motion.contentDelay)).toBe(0);
  expect(panels.content("kv", 10 + motion.contentDelay + motion.contentFade)).toBeCloseTo(1);
  const swapped = dropped(all, "kv", { kind: "swap", with: "waterfall" });
  panels.follow(place(swapped), 20, false);
  expect([panels.since("kv"), panels.since("waterfall"), panels.since("monitor")]).toEqual([20, 20, 10]);
});

it("shrinks the brackets of what went, and forgets them", () => {
  const panels = new PanelMotion();
  panels.follow(place(), 0, true);
  expect(panels.ghosts).toHaveLength(0);
  panels.follow(place(all, "kv"), 5, false);
  expect(panels.ghosts).toHaveLength(place().panels.length);
  expect(PanelMotion.left(panels.ghosts[0]!, 5)).toBe(1);
  expect(PanelMotion.left(panels.ghosts[0]!, 5 + motion.contentDelay)).toBe(0);
  panels.follow(place(all, "kv"), 6, false);
  expect(panels.ghosts).toHaveLength(0);
});

it("moves nothing by itself when the window is resized, or motion is not wanted", () => {
  const panels = new PanelMotion();
  panels.follow(place(), 0, false);
  panels.follow(place(all, null, 1800), 5, false);
  expect(panels.since("kv")).toBe(0);
  panels.follow(place(dropped(all, "kv", { kind: "swap", with: "waterfall" }), null, 1800), 6, true);
  expect(panels.since("kv")).toBe(0);
  expect(panels.ghosts).toHaveLength(0);
});

it("moves nothing for a picture, in which the controls' room is the panels', nor after it", () => {
  const panels = new PanelMotion();
  const focused = { view: "both", arrangement: all, focus: "kv", minimum } as const;
  const page = layout(1920, 1080, focused);
  panels.follow(page, 0, false);
  const picture = layout(1920, 1080, { ...focused, controls: false });
  expect(picture.panels[0]!.rect).not.toEqual(page.panels[0]!.rect);
  panels.follow(picture, 5, false);
  panels.follow(layout(1920, 1080, focused), 5, false);
  expect(panels.since("kv")).toBe(0);
  expect(panels.ghosts).toHaveLength(0);
});
