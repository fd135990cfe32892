import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { css, fade, linear, mix, palette, rgb } from "./color";

describe("colours", () => {
  it("are packed as the shader unpacks them", () => {
    expect(rgb(0x7fd3e5)).toBe(0xffe5d37f);
    expect(rgb(0x010203, 0.5)).toBe(0x80030201);
  });

  it("fade, mix and convert", () => {
    expect(fade(rgb(0xff9900), 0.5) >>> 24).toBe(128);
    expect(mix(rgb(0x000000), rgb(0xffffff), 0.5)).toBe(rgb(0x808080));
    const [from, to] = [rgb(0x102030, 0.4), rgb(0xff9900)];
    expect([mix(from, to, -1), mix(from, to, 0), mix(from, to, 1), mix(from, to, 2)]).toEqual([
      from,
      from,
      to,
      to,
    ]);
    expect([fade(from, 1), fade(from, 2), fade(from, 0) >>> 24]).toEqual([from, from, 0]);
    expect(css(rgb(0x7fd3e5, 0.5))).toBe("rgb(127 211 229 / 0.502)");
    expect(linear(rgb(0x808080))[0]).toBeCloseTo(0.2159, 3);
  });

  it("can be chosen from by number", () => {
    const chosen = palette(rgb(0xff9900), rgb(0x102030, 0.4));
    expect([...chosen]).toEqual([rgb(0xff9900), rgb(0x102030, 0.4)]);
  });

  it("have one home: no literal colour in the page's code outside the theme", () => {
    const root = new URL("../", import.meta.url);
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
      (name) => /^(hud|text|app)\//.test(name) && /\.(ts|css)$/.test(name) && !/\.test\.ts$/.test(name),
    );
    expect(files.length).toBeGreaterThan(30);
    const literal = /#[0-9a-f]{6}\b|\brgba?\(\s*\d|\brgb\(0x|\bhsla?\(/i;
    const home = new Set(["hud/theme.ts", "hud/theme_colors.ts"]);
    const guilty = files.filter(
      (name) => !home.has(name) && literal.test(readFileSync(new URL(name, root), "utf8")),
    );
    expect(guilty).toEqual([]);
  });
});
