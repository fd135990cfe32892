import { describe, expect, it } from "vitest";
import grid from "../../../wgsl/common/gas_grid.wgsl?raw";
import { constant } from "./constant";

describe("a shader's constant", () => {
  it("is its number, whatever its type", () => {
    expect(constant(grid, "GAS_LEVELS")).toBe(6);
    expect(constant(grid, "GAS_PAD")).toBe(8);
    expect(constant("const A = 2e-3;\n", "A")).toBe(0.002);
    expect(() => constant(grid, "NO_SUCH")).toThrow("NO_SUCH");
  });
});
