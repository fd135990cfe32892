import "../../app/platform";
import { describe, expect, it, vi } from "vitest";
import { stage } from "../../../test/instrument_stage";
import { createState } from "../../state/initial";
import type { Instrument, InstrumentView } from "../instrument";
import { Shape } from "../items";
import type { Scene } from "../scene";
import { clock, TimelineView } from "./timeline";
import type { Transport } from "./transport";

const RECT = { x: 16, y: 1000, width: 1888, height: 60 };
const COUNT = 200;

/** A replay of 200 tokens of 1 nat, one uncertain, one improbable, that notes what it is told. */
function replay(at: number): { transport: Transport; told: unknown[] } {
  const told: unknown[] = [];
  const inside = (step: number): boolean => step >= 0 && step < COUNT;
  const tokens = {
    count: COUNT,
    id: (step: number) => (inside(step) ? step : null),
    probability: (step: number) => (step === 150 ? 0.001 : 0.5),
    entropy: (step: number) => (step === 60 ? 5 : inside(step) ? 1 : Number.NaN),
  };
  const transport = {
    ...{ replay: true, tokens, at, time: 61.25, duration: 125, playing: false, speed: 2 },
    seek: (step: number) => told.push(step),
    toggle: () => told.push("toggle"),
    changeSpeed: (by: number) => told.push(["speed", by]),
  };
  return { transport, told };
}

function drawn(at: number) {
  const { transport, told } = replay(at);
  const made = { create: (scene: Scene) => new TimelineView(scene) } as unknown as Instrument;
  const shown = stage(made, createState(), RECT);
  shown.ui.transport = transport;
  shown.draw(1);
  return { ...shown, told, view: shown.view as InstrumentView & TimelineView };
}

/** Presses in the middle of a region, or at a share of its width. */
function press(
  { ui, view }: ReturnType<typeof drawn>,
  kind: "slider" | "button",
  value: number,
  share = 0.5,
) {
  const region = [...Array(RECT.width).keys()]
    .map((x) => ui.hits.find(RECT.x + x, RECT.y + 40))
    .find((hit) => hit?.kind === kind && hit.value === value)!;
  const hit = { ...region };
  const event = {
    type: "press",
    x: hit.x + hit.width * share,
    y: hit.y + 5,
    dx: 0,
    dy: 0,
    wheel: 0,
  } as const;
  view.pointer(hit, { ...event, shift: false, ctrl: false });
}

describe("the timeline", () => {
  it("has its playhead where the run is", () => {
    const shown = drawn(50);
    const head = shown.items(Shape.box).find(([x0, , x1, y1]) => x1! - x0! === 2 && y1! > RECT.y + 50)!;
    const plot = shown.ui.hits.find(RECT.x + 1000, RECT.y + 40)!;
    expect(head[0]! + 1).toBeCloseTo(plot.x + plot.width / 4, -0.5);
  });

  it("goes where it is pressed, to the token under the pointer", () => {
    const shown = drawn(10);
    press(shown, "slider", 0, 0);
    press(shown, "slider", 0, 0.5001);
    press(shown, "slider", 0, 1);
    expect(shown.told).toEqual([0, 100, 199]);
  });

  it("plays, hurries and jumps between its marks by its buttons", () => {
    const shown = drawn(100);
    for (const button of [1, 2, 3, 4, 5]) press(shown, "button", button);
    expect(shown.told).toEqual(["toggle", ["speed", -1], ["speed", 1], 60, 150]);
  });

  it("stands still where there is no further mark", () => {
    const shown = drawn(COUNT);
    shown.view.jump(1);
    expect(shown.told).toEqual([]);
  });
});

describe("the relief", () => {
  /** Upper corners of what is filled, from left to right, as shares of the greatest. */
  function heights(...nats: number[]): number[][] {
    const shown = drawn(0);
    const area = vi.spyOn(shown.scene, "area");
    shown.ui.transport = {
      ...shown.ui.transport!,
      tokens: {
        count: nats.length,
        id: (step) => (Number.isNaN(nats[step]) ? null : step),
        probability: () => 0.5,
        entropy: (step) => nats[step] ?? Number.NaN,
      },
    };
    shown.draw(1);
    const { calls } = area.mock;
    return calls.map(([, y0, , y1, base, top]) => [y0, y1].map((y) => (base - y) / (base - top)));
  }

  it("is level for a single token", () => expect(heights(2)).toEqual([[0.5, 0.5]]));
  it("has a gap where the page saw nothing", () =>
    expect(heights(Number.NaN, 2, 1, Number.NaN, 4, 4)).toEqual([
      [0.5, 0.25],
      [1, 1],
    ]));
});

describe("under the pointer", () => {
  /** What is said of the step whose middle is under the pointer. */
  function said(step: number, id: number | null, p: number): string[] {
    const shown = drawn(50);
    const { x, width } = shown.ui.hits.find(RECT.x + 1000, RECT.y + 40)!;
    const { tokens } = shown.ui.transport!;
    tokens.id = () => id;
    tokens.probability = () => p;
    if (id === null) tokens.entropy = () => Number.NaN;
    shown.ui.pointerX = x + (width * (step + 0.5)) / COUNT;
    shown.ui.pointerY = RECT.y + 30;
    const write = vi.spyOn(shown.scene, "textWithin");
    shown.draw(1);
    return write.mock.calls.map(([, , , text]) => text);
  }

  it.each([
    [0.25, ["#7", "step 20 · p .250 · H 1.00"]],
    [0.0004, ["#7", "step 20 · p 4.0e-4 · H 1.00"]],
    [0.9999, ["#7", "step 20 · p >.999 · H 1.00"]],
  ])("is how sure the model was, at %d", (p, lines) => expect(said(20, 7, p)).toEqual(lines));

  it.each([
    [930, 60, 930],
    [600, 60, RECT.y],
    [RECT.y + 10, 40, RECT.y],
  ])("is above the controls where they stand on the timeline: at %d", (y, height, ceiling) => {
    const shown = drawn(50);
    shown.view.controls = { x: 400, y, width: 1100, height };
    shown.ui.pointerX = RECT.x + 1000;
    shown.ui.pointerY = RECT.y + 30;
    const write = vi.spyOn(shown.scene, "textWithin");
    shown.draw(1);
    const baselines = write.mock.calls.map(([, baseline]) => baseline);
    expect(Math.max(...baselines)).toBeLessThan(ceiling);
    expect(Math.max(...baselines)).toBeGreaterThan(ceiling - 40);
  });

  it("is nothing that was not seen", () =>
    expect(said(20, null, Number.NaN)).toEqual(["step 20", "before this page came"]));
});

it.each([
  [0, "0:00.0"],
  [61.25, "1:01.2"],
  [59.999, "0:59.9"],
  [0.3, "0:00.3"],
])("%d seconds are %s", (seconds, shown) => expect(clock(seconds)).toBe(shown));
