import "../app/platform";
import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import { BlockRasterizer } from "../../test/block_rasterizer";
import { Glyphs } from "../text/glyphs";
import { HEAT_EDGE, HEAT_ROWS } from "./heat_store";
import { MOST_CLIPS, MOST_ITEMS } from "./item_list";
import { FORM, ITEM_WORDS, KIND, PLACE, rampTexels, SHADER_OF, Shape } from "./items";
import { Scene } from "./scene";
import { color, heatRamp, text } from "./theme";

let rasterizer: BlockRasterizer;
let scene: Scene;

beforeEach(() => {
  rasterizer = new BlockRasterizer();
  scene = new Scene(new Glyphs(rasterizer));
  scene.reset(800, 600, 1);
});

const floats = (item: number, field: number): number[] => {
  const o = item * ITEM_WORDS + field;
  return [...new Float32Array(scene.words.buffer).subarray(o, o + 4)];
};
const wordsOf = (item: number): number[] => [
  ...scene.words.subarray(item * ITEM_WORDS, (item + 1) * ITEM_WORDS),
];
const GLYPHS = MOST_ITEMS / 2;
const runs = (): string[] =>
  scene.runs.slice(0, scene.runCount).map((r) => `${r.shader} ${r.first}+${r.count}`);
const kind = (item: number): number => scene.words[item * ITEM_WORDS + KIND]! & 0xff;
const clipOf = (item: number): number[] => {
  const index = scene.words[item * ITEM_WORDS + KIND]! >>> 8;
  return [...scene.clips.subarray(index * 4, index * 4 + 4)];
};

describe("items", () => {
  it("number their shapes as the shader does, and each has a shader", () => {
    expect(SHADER_OF).toHaveLength(Object.keys(Shape).length);
    const source = readFileSync(new URL("../../../wgsl/hud/items.wgsl", import.meta.url), "utf8");
    for (const [name, number] of Object.entries(Shape)) {
      expect(source).toContain(`const ${name.toUpperCase()} = ${number}u;`);
    }
  });

  it("ramp from the first stop to the last", () => {
    const texels = rampTexels();
    const at = (i: number): number => new DataView(texels.buffer).getUint32(4 * i, true);
    expect(at(0)).toBe(heatRamp[0]![1]);
    expect(at(255)).toBe(heatRamp.at(-1)![1]);
    for (let i = 1; i < 256; i++) expect(texels[4 * i + 1]).toBeGreaterThanOrEqual(texels[4 * i - 3]!);
  });
});

describe("scene", () => {
  it("keeps shapes in the order they were drawn, and draws neighbours of a kind at once", () => {
    scene.rect(1, 2, 3, 4, color.data);
    scene.rect(5, 2, 3, 4, color.data);
    scene.line(0, 0, 5, 5, 1, color.data);
    scene.rect(9, 2, 3, 4, color.data);
    expect([kind(0), kind(1), kind(2), kind(3)]).toEqual([Shape.fill, Shape.fill, Shape.line, Shape.fill]);
    expect(floats(0, PLACE)).toEqual([1, 2, 4, 6]);
    expect(runs()).toEqual(["fill 0+2", "line 2+1", "fill 3+1"]);
  });

  it("draws a layer's text over its shapes, and the next layer over both", () => {
    scene.text(10, 20, "ab", text.caption, color.now);
    scene.rect(1, 2, 3, 4, color.data);
    scene.endLayer();
    scene.rect(1, 2, 3, 4, color.data);
    scene.text(10, 20, "c", text.caption, color.now);
    scene.endLayer();
    scene.endLayer();
    expect(runs()).toEqual(["fill 0+1", `text ${GLYPHS}+2`, "fill 1+1", `text ${GLYPHS + 2}+1`]);
  });

  it("draws a line through points as segments that know their neighbours", () => {
    const [xs, ys] = [new Float32Array([0, 1, 2]), new Float32Array([0, 1, 0])];
    scene.span(xs, ys, 0, 0, 2, 1.5, color.data, color.now, 5);
    scene.span(xs, ys, 1, 0, 2, 1.5, color.data, color.now, 5);
    expect([floats(0, PLACE), floats(0, FORM)]).toEqual([
      [0, 0, 1, 1],
      [0, 0, 2, 0],
    ]);
    expect([floats(1, PLACE), floats(1, FORM)]).toEqual([
      [1, 1, 2, 0],
      [0, 0, 2, 0],
    ]);
    // The same as a segment that is given its ends.
    scene.segment(1, 1, 2, 0, 0, 0, 2, 0, 1.5, color.data, color.now, 5);
    expect(wordsOf(2)).toEqual(wordsOf(1));
    scene.areaSpan(xs, ys, 1, 9, 1, color.data, color.now);
    scene.area(1, 1, 2, 0, 9, 1, color.data, color.now);
    expect(wordsOf(3)).toEqual(wordsOf(4));
  });

  it("draws a frame's corner as two arms that know of each other, half a pixel inside", () => {
    scene.corner(100, 50, -1, 1, 10, 1.25, color.data, 5);
    expect([floats(0, PLACE), floats(0, FORM)]).toEqual([
      [89.5, 50.5, 99.5, 50.5],
      [89.5, 50.5, 99.5, 60.5],
    ]);
    expect([floats(1, PLACE), floats(1, FORM)]).toEqual([
      [99.5, 50.5, 99.5, 60.5],
      [89.5, 50.5, 99.5, 60.5],
    ]);
  });

  it("paints a corner as it paints a line", () => {
    scene.corner(100, 50, 1, -1, 10, 1.25, color.now, 5);
    scene.segment(110.5, 49.5, 100.5, 49.5, 110.5, 49.5, 100.5, 39.5, 1.25, color.now, color.now, 5);
    scene.segment(100.5, 49.5, 100.5, 39.5, 110.5, 49.5, 100.5, 39.5, 1.25, color.now, color.now, 5);
    expect([wordsOf(0), wordsOf(1)]).toEqual([wordsOf(2), wordsOf(3)]);
  });

  it("draws at a place that was written as at one that is handed on", () => {
    const at = (...place: number[]): void => scene.at.set(place);
    scene.gradient(10.3, 20.7, 30.1, 5.2, color.data, color.now, true);
    at(10.3, 20.7, 30.1, 5.2);
    scene.fillAt(color.data, color.now, true);
    scene.box(1.5, 2.5, 30.1, 5.2, color.data, color.now, 1, 5, color.focus, 3, 2);
    at(1.5, 2.5, 30.1, 5.2);
    scene.boxAt(color.data, color.now, 1, 5, color.focus, 3, 2);
    expect([wordsOf(0), wordsOf(2)]).toEqual([wordsOf(1), wordsOf(3)]);
    scene.textWithin(50.4, 20.2, 30, "Portsmouth", text.caption, color.now);
    const first = scene.glyphCount;
    at(50.4, 20.2, 30);
    scene.textWithinAt("Portsmouth", text.caption, color.now);
    expect(first).toBeGreaterThan(3);
    expect(scene.glyphCount).toBe(2 * first);
    for (let i = GLYPHS; i < GLYPHS + first; i++) expect(wordsOf(i)).toEqual(wordsOf(i + first));
  });

  it("draws many lines, and the area under many, as one by one", () => {
    const xs = Float32Array.of(1, 5.5, 9, 2);
    const ys = Float32Array.of(3, 4.5, 0, 8);
    scene.strokes(xs, ys, 4, 1.25, color.now, 5);
    scene.line(1, 3, 5.5, 4.5, 1.25, color.now, 5);
    scene.line(9, 0, 2, 8, 1.25, color.now, 5);
    expect([wordsOf(0), wordsOf(1)]).toEqual([wordsOf(2), wordsOf(3)]);
    scene.areaSpans(xs, ys, 1, 3, 9, 1, color.data, color.now);
    expect(scene.shapeCount).toBe(6);
    scene.areaSpan(xs, ys, 1, 9, 1, color.data, color.now);
    scene.areaSpan(xs, ys, 2, 9, 1, color.data, color.now);
    expect([wordsOf(4), wordsOf(5)]).toEqual([wordsOf(6), wordsOf(7)]);
  });

  it("keeps to the clip around where there is room for no more", () => {
    scene.pushClip(100, 100, 50, 50);
    for (let i = 2; i < MOST_CLIPS; i++) {
      scene.pushClip(0, 0, 800, 600);
      scene.popClip();
    }
    expect(scene.overflow).toBe(0);
    scene.pushClip(110, 110, 10, 10);
    expect(scene.overflow).toBe(1);
    scene.rect(0, 0, 9, 9, color.data);
    scene.popClip();
    scene.rect(0, 0, 9, 9, color.data);
    expect([clipOf(0), clipOf(1)]).toEqual([
      [100, 100, 150, 150],
      [100, 100, 150, 150],
    ]);
  });

  it("cuts a clip at the clips around it, and restores them", () => {
    scene.pushClip(100, 100, 200, 200);
    scene.pushClip(50, 150, 100, 400);
    scene.rect(0, 0, 9, 9, color.data);
    scene.popClip();
    scene.popClip();
    scene.rect(0, 0, 9, 9, color.data);
    expect(clipOf(0)).toEqual([100, 150, 150, 300]);
    expect(clipOf(1)).toEqual([0, 0, 800, 600]);
  });

  it("counts what does not fit, and goes on", () => {
    for (let i = 0; i < MOST_ITEMS / 2 + 7; i++) scene.rect(i, 0, 1, 1, color.data);
    expect([scene.count, scene.overflow]).toEqual([MOST_ITEMS / 2, 7]);
    scene.reset(800, 600, 1);
    expect([scene.count, scene.overflow]).toEqual([0, 0]);
  });

  it("puts every glyph on whole device pixels, at any pixel ratio", () => {
    for (const ratio of [1, 1.25, 1.5, 2, 3]) {
      scene.reset(800, 600, ratio);
      scene.text(10.3, 20.7, "wide 你好 text", text.token, color.now, "right");
      for (let i = 0; i < scene.glyphCount; i++) {
        const [x, y] = floats(GLYPHS + i, PLACE);
        for (const at of [x! * ratio, y! * ratio]) expect(Math.abs(at - Math.round(at))).toBeLessThan(1e-3);
      }
    }
  });

  it("sets wide characters on two columns", () => {
    const step = scene.step(text.token);
    expect(scene.measure("ab", text.token)).toBe(2 * step);
    expect(scene.measure("你b", text.token)).toBe(3 * step);
  });

  it("rasterises a glyph once, until the pixel ratio changes", () => {
    for (let frame = 0; frame < 3; frame++) {
      scene.reset(800, 600, 1);
      scene.text(0, 20, "aaa", text.caption, color.now);
    }
    expect(rasterizer.drawn).toBe(1);
    scene.reset(800, 600, 2);
    scene.text(0, 20, "a", text.caption, color.now);
    expect(rasterizer.drawn).toBe(2);
  });

  it("cuts text in its middle where its end tells as much, and never inside a character", () => {
    const step = scene.step(text.data);
    const cut = (columns: number, words: string): string => scene.cutMiddle(columns * step, words, text.data);
    expect(cut(10, "lighthouse")).toBe("lighthouse");
    expect(cut(7, "lighthouse")).toBe("ligh…se");
    expect(cut(1, "lighthouse")).toBe("…");
    expect(cut(6, "ab👍🏽cdef👍🏽")).toBe("ab…👍🏽");
  });

  it("cuts text that has no room, and never inside a character", () => {
    const step = scene.step(text.caption);
    expect(scene.textWithin(0, 9, 6 * step, "abcdefgh", text.caption, color.now)).toBe(6 * step);
    expect(scene.textWithin(0, 9, 4 * step, "你好世界", text.caption, color.now)).toBe(3 * step);
    expect(scene.textWithin(0, 9, 100 * step, "你好", text.caption, color.now)).toBe(4 * step);
  });

  it("takes the longest wording that fits", () => {
    const step = scene.step(text.caption);
    const wordings = ["a long wording", "shorter", "s"];
    expect(scene.textFitting(0, 9, 8 * step, wordings, text.caption, color.now)).toBe(7 * step);
  });
});

describe("heat store", () => {
  it("copies half floats into its region and nowhere else", () => {
    const first = scene.heat.region(HEAT_EDGE, 2);
    const second = scene.heat.region(4, 2);
    scene.heat.write(second, Uint16Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 5, 2);
    const row = (y: number): number[] => [...scene.heat.values.subarray(y * HEAT_EDGE, y * HEAT_EDGE + 5)];
    expect([row(first.y), row(2), row(3)]).toEqual([
      [0, 0, 0, 0, 0],
      [1, 2, 3, 4, 0],
      [6, 7, 8, 9, 0],
    ]);
    expect(() => scene.heat.region(4, HEAT_ROWS)).toThrow(/4092 rows/);
  });

  it("puts regions side by side while they fit", () => {
    const wide = scene.heat.region(1000, 8);
    const beside = scene.heat.region(24, 5);
    const below = scene.heat.region(24, 5);
    expect([wide, beside, below].map(({ x, y }) => [x, y])).toEqual([
      [0, 0],
      [1000, 0],
      [0, 8],
    ]);
  });

  it("sends what has changed, and not what lies between", () => {
    const top = scene.heat.region(HEAT_EDGE, 100);
    const low = scene.heat.region(4, 2000);
    scene.heat.touch(top, 70, 1);
    scene.heat.touch(low, 1900, 33);
    expect(scene.heat.takeDirty()).toEqual({ first: 64, count: 8 });
    expect(scene.heat.takeDirty()).toEqual({ first: 2000, count: 40 });
    expect(scene.heat.takeDirty()).toBeNull();
  });
});

describe("turned text", () => {
  it("runs down from its start, feet to the left", () => {
    scene.at[0] = 100;
    scene.at[1] = 50;
    scene.textDownAt("ab", text.caption, color.data);
    const glyph = scene.glyphs.face(text.caption.size, 0).cluster("a");
    const o = GLYPHS;
    expect(floats(o, PLACE)).toEqual([
      100 - glyph.top - glyph.height,
      50 + glyph.left,
      glyph.height,
      glyph.width,
    ]);
    expect(floats(o, FORM)[2]).toBe(1);
    expect(floats(o + 1, PLACE)[1]! - floats(o, PLACE)[1]!).toBe(scene.step(text.caption));
  });
});
