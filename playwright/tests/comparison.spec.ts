import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "@playwright/test";
import { compare, decodePng, inWords, type Picture } from "../compare";
import { BASELINES } from "../pictures";

/**
 * The comparison itself, on the baselines as they are: it must not see what a processor's
 * rounding does, and must see a panel gone or two pixels aside, or the nebula's glow gone.
 * (That the real page without bloom fails is in `pictures/mutations.spec.ts`.)
 */

const pictures = readdirSync(BASELINES)
  .filter((name) => name.endsWith(".png"))
  .map((name) => ({ name, picture: decodePng(readFileSync(`${BASELINES}/${name}`)) }));

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** Where each instrument stands in `cockpit-1920`. */
const PANELS: Readonly<Record<string, Box>> = {
  monitor: { x: 16, y: 60, w: 416, h: 564 },
  pulse: { x: 16, y: 656, w: 416, h: 408 },
  kv: { x: 444, y: 800, w: 280, h: 264 },
  waterfall: { x: 736, y: 800, w: 740, h: 264 },
  attention: { x: 1488, y: 80, w: 416, h: 528 },
  flow: { x: 1488, y: 640, w: 416, h: 424 },
};

/** A rectangle that holds something: the busiest of a grid of 8 × 6. */
function busiest(picture: Picture): Box {
  const w = Math.floor(picture.width / 8);
  const h = Math.floor(picture.height / 6);
  let best: Box = { x: 0, y: 0, w, h };
  let most = -1;
  for (let row = 0; row < 6; row++) {
    for (let column = 0; column < 8; column++) {
      const box = { x: column * w, y: row * h, w, h };
      const edges = edgesIn(picture, box);
      if (edges > most) [most, best] = [edges, box];
    }
  }
  return best;
}

function edgesIn(picture: Picture, box: Box): number {
  let sum = 0;
  for (let y = box.y; y < box.y + box.h; y++) {
    for (let x = box.x + 1; x < box.x + box.w; x++) {
      const at = (y * picture.width + x) * 4 + 1;
      sum += Math.abs(picture.data[at]! - picture.data[at - 4]!);
    }
  }
  return sum;
}

function changed(picture: Picture, edit: (data: Uint8Array, from: Uint8Array) => void): Picture {
  const data = new Uint8Array(picture.data);
  edit(data, picture.data);
  return { ...picture, data };
}

/** Every channel up or down by one level or left alone, from a fixed sequence. */
function withNoise(picture: Picture): Picture {
  let seed = 12345;
  return changed(picture, (data) => {
    for (let i = 0; i < data.length; i++) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      if (i % 4 !== 3) data[i] = Math.min(255, Math.max(0, data[i]! + ((seed >>> 16) % 3) - 1));
    }
  });
}

function withHole(picture: Picture, box = busiest(picture)): Picture {
  return changed(picture, (data) => {
    for (let y = box.y; y < box.y + box.h; y++) {
      for (let x = box.x; x < box.x + box.w; x++) data.set([5, 7, 11], (y * picture.width + x) * 4);
    }
  });
}

function withShift(picture: Picture, dx: number, dy: number, box = busiest(picture)): Picture {
  return changed(picture, (data, from) => {
    for (let y = box.y + dy; y < box.y + box.h; y++) {
      for (let x = box.x + dx; x < box.x + box.w; x++) {
        const source = ((y - dy) * picture.width + x - dx) * 4;
        data.set(from.subarray(source, source + 4), (y * picture.width + x) * 4);
      }
    }
  });
}

/** Light taken away so faintly that no pixel is far off. */
function dimmed(picture: Picture): Picture {
  return changed(picture, (data) => {
    for (let i = 0; i < data.length; i++) if (i % 4 !== 3) data[i] = Math.max(0, data[i]! - 3);
  });
}

test("there are baselines to try it on", () => {
  expect(pictures.length).toBeGreaterThanOrEqual(10);
});

for (const { name, picture } of pictures) {
  test(`on ${name}`, () => {
    const same = compare(picture, picture);
    expect(same, inWords(same)).toMatchObject({ passes: true, far: 0, drift: 0 });
    const noise = compare(withNoise(picture), picture);
    expect(noise.passes, `noise: ${inWords(noise)}`).toBe(true);
    const mutants: [string, Picture][] = [
      ["a hole", withHole(picture)],
      ["2 px right", withShift(picture, 2, 0)],
      ["2 px down", withShift(picture, 0, 2)],
      ["3 levels dimmer", dimmed(picture)],
      ["another size", { ...picture, width: picture.width / 2, height: picture.height * 2 }],
    ];
    for (const [mutation, mutant] of mutants) {
      const difference = compare(mutant, picture);
      expect(difference.passes, `${mutation}: ${inWords(difference)}`).toBe(false);
    }
  });
}

for (const [id, box] of Object.entries(PANELS)) {
  test(`of the cockpit: ${id} hidden, or 2 px aside`, () => {
    const { picture } = pictures.find(({ name }) => name === "cockpit-1920.png")!;
    const hidden = compare(withHole(picture, box), picture);
    // Nearly all that is written and drawn in it: a box beside the panel would hide less.
    expect(hidden.far, inWords(hidden)).toBeGreaterThan(0.02 * box.w * box.h);
    expect(hidden.passes, `hidden: ${inWords(hidden)}`).toBe(false);
    for (const [dx, dy] of [
      [2, 0],
      [0, 2],
    ] as const) {
      const aside = compare(withShift(picture, dx, dy, box), picture);
      expect(aside.passes, `${dx}, ${dy} aside: ${inWords(aside)}`).toBe(false);
    }
  });
}
