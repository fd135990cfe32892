import "../../app/platform";
import { describe, expect, it } from "vitest";
import { stateOf } from "../../../test/instrument_run";
import { stage } from "../../../test/instrument_stage";
import { memoryRun } from "../../../test/memory_run";
import type { AppState } from "../../state/state";
import { Shape } from "../items";
import { size } from "../theme";
import { memory } from "./memory";

const RECT = { x: 16, y: 60, width: 416, height: 500 };
const LEFT = RECT.x + size.padding;
const WIDTH = RECT.width - 2 * size.padding;

/** The parts of the bars of a height, from the upper one to the lower: of each part where it begins, and its length. */
function bars(state: AppState, height: number): [from: number, length: number][][] {
  const shown = stage(memory, state, RECT);
  shown.draw(100);
  const fills = shown.items(Shape.fill).filter(([, y0, , y1]) => y1! - y0! === height);
  // A part's swatch is as wide as high; a bar begins with the track below it.
  const tracks = fills.filter(([x0, , x1]) => x0 === LEFT && Math.abs(x1! - x0 - WIDTH) < 0.01);
  return tracks.map(([, top]) =>
    fills
      .filter((one) => one[1] === top && !tracks.includes(one))
      .map(([x0, , x1]): [number, number] => [x0! - LEFT, x1! - x0!]),
  );
}

/** As drawn: a part of more than four pixels leaves two of its end to the gap. */
function expected(shares: readonly number[]): [number, number][] {
  let from = 0;
  return shares.flatMap((share): [number, number][] => {
    const [begin, wide] = [from, share * WIDTH];
    from += wide;
    return wide > 0.25 ? [[begin, Math.max(wide - (wide > 4 ? 2 : 0), 0.5)]] : [];
  });
}

function close(drawn: [number, number][], shares: readonly number[]): void {
  const meant = expected(shares);
  expect(drawn).toHaveLength(meant.length);
  // llama.cpp tells megabytes to two places: a quarter of a pixel is more than that ever makes.
  meant.forEach(([from, length], i) => {
    expect(Math.abs(drawn[i]![0] - from)).toBeLessThan(0.25);
    expect(Math.abs(drawn[i]![1] - length)).toBeLessThan(0.25);
  });
}

describe.each(["smollm2", "gemma3"] as const)("the bars of %s's memory", (name) => {
  const { events, expected: numpy } = memoryRun(name);

  it("are as long as NumPy's shares of what is resident", () => {
    const [account, ...others] = bars(stateOf(events), 14);
    expect(others).toEqual([]);
    expect(numpy.process.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
    close(account!, numpy.process);
  });

  it("are as long as NumPy's shares of each device", () => {
    const drawn = bars(stateOf(events), 8);
    expect(drawn).toHaveLength(numpy.devices.length);
    numpy.devices.forEach((shares, i) => {
      close(drawn[i]!, shares);
    });
  });

  it("end at what is resident where more is reserved than that", () => {
    const state = stateOf(events);
    const { memory: real } = state;
    const reserved = numpy.process.slice(0, 3).reduce((sum, share) => sum + share, 0);
    const whole = real!.process_resident;
    state.memory = { ...real!, process_resident: Math.round((whole * reserved) / 2) };
    const shown = stage(memory, state, RECT);
    shown.draw(100);
    const [veil] = shown.items(Shape.pattern).filter(([, y0, , y1]) => y1! - y0! === 14);
    expect(veil![0]! - LEFT).toBeCloseTo(WIDTH / 2, 0);
    expect(veil![2]! - LEFT).toBeCloseTo(WIDTH, 3);
    close(
      bars(state, 14)[0]!,
      numpy.process.slice(0, 3).map((share) => share / reserved),
    );
  });
});
