import { describe, expect, it } from "vitest";
import type { ViewMode } from "../state/state";
import { inset, interfaceScale, monitorLayout, type Rect } from "./layout";
import { columnLayout, wideLayout } from "./monitor_layout";
import { size } from "./theme";

const SIZES = [
  [768, 1024],
  [844, 390],
  [1024, 640],
  [1280, 720],
  [1440, 900],
  [1920, 1080],
  [2560, 1440],
  [3840, 2160],
] as const;
const VIEWS: ViewMode[] = ["nebula", "hud", "both"];

const overlap = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe("layout", () => {
  for (const [width, height] of SIZES) {
    for (const view of VIEWS) {
      it(`fits ${width} x ${height}, ${view}: on the page, apart, on whole pixels`, () => {
        const { header, panels: instruments, nebula, controls } = monitorLayout(width, height, view);
        const panels = [
          header,
          ...instruments.map(({ rect }) => rect),
          controls,
          view === "nebula" ? null : nebula,
        ].filter((r) => r !== null);
        for (const r of panels) {
          expect(Object.values(r).every(Number.isInteger)).toBe(true);
          expect(r.x >= 0 && r.y >= 0 && r.x + r.width <= width && r.y + r.height <= height).toBe(true);
          expect(r.width).toBeGreaterThan(width < 1000 ? 240 : 300);
        }
        for (const [i, a] of panels.entries())
          for (const b of panels.slice(i + 1)) expect(overlap(a, b)).toBe(false);
      });
    }
  }

  it("is a stack with its controls on one line where a column would leave them no room", () => {
    for (const [width, height] of [
      [390, 844],
      [768, 1024],
      [844, 390],
    ] as const) {
      const { panels, nebula, controls, compact } = monitorLayout(width, height, "both");
      expect([panels.length, compact]).toEqual([1, true]);
      expect(controls!.width).toBeGreaterThan(width - 20);
      const { rect } = panels[0]!;
      if (height < width) expect(nebula!.x).toBeGreaterThan(rect.x + rect.width);
      else expect(rect.y).toBeGreaterThan(nebula!.y + nebula!.height);
      expect(rect.height).toBeGreaterThan(0.5 * height);
    }
  });

  it("is the page of the recipe at 1920 x 1080", () => {
    const { header, panels, nebula } = monitorLayout(1920, 1080, "both");
    expect(header!.height).toBe(48);
    expect(panels[0]!.rect).toEqual({ x: 16, y: 60, width: 416, height: 1004 });
    expect(nebula!.x).toBe(16 + 416 + 12);
  });

  it("enlarges the page only on very large screens of plain pixels", () => {
    expect([interfaceScale(1920, 1080), interfaceScale(2880, 1620), interfaceScale(3840, 2160)]).toEqual([
      1, 1.5, 2,
    ]);
    expect([interfaceScale(2560, 1440), interfaceScale(3840, 2040), interfaceScale(7680, 4320)]).toEqual([
      1.25, 1.75, 2,
    ]);
    expect([interfaceScale(390, 844), interfaceScale(3440, 1080)]).toEqual([1, 1]);
  });
});

describe("monitor layout", () => {
  for (const [width, height] of SIZES) {
    for (const wanted of [5, 20]) {
      it(`stacks its sections at ${width} x ${height} with ${wanted} candidates`, () => {
        const body = inset(monitorLayout(width, height, "both").panels[0]!.rect, size.padding);
        const place = columnLayout(body, body.y + 90, wanted);
        const parts = [place.stream, place.choice, place.entropy, place.gauges];
        const stack = parts.filter((part) => part !== null);
        expect(stack.length).toBe(height < 400 ? 2 : 4);
        for (const [i, r] of stack.slice(1).entries())
          expect(r.y).toBeGreaterThanOrEqual(stack[i]!.y + stack[i]!.height);
        const last = stack.at(-1)!;
        expect(last.y + last.height).toBe(body.y + body.height);
        expect(place.stream.height).toBeGreaterThan(70);
        if (height >= 720) expect(place.rows).toBe(wanted);
        else expect(place.rows).toBeGreaterThanOrEqual(height < 400 ? 1 : Math.min(wanted, 15));
      });
    }
  }

  it("sets text and numbers side by side where it is wide", () => {
    const body = inset(monitorLayout(1920, 1080, "hud").panels[0]!.rect, size.padding);
    const place = wideLayout(body, body.y + 60, 20);
    expect(overlap(place.stream, place.choice)).toBe(false);
    expect(place.gauges!.y + place.gauges!.height).toBe(body.y + body.height);
    expect(place.rows).toBe(20);
  });
});
