import { describe, expect, it } from "vitest";
import { recorded, stateAfter } from "../../../test/monitor_run";
import type { TokenGenerated } from "../../telemetry/protocol.gen";
import { columnOf, entropyTop, shortProbability, WaterfallColumns } from "./waterfall_model";

const tokens = recorded.filter((event): event is TokenGenerated => event.kind === "token");

describe("a column of the waterfall", () => {
  it("holds each token's candidates with the model's own probabilities", () => {
    for (const token of tokens) {
      const column = columnOf(token, null);
      expect(column.cells.map((cell) => cell.p)).toEqual([...token.top_p.data]);
      expect(column.cells.map((cell) => cell.id)).toEqual([...token.top_ids.data]);
      expect(column.cells.reduce((sum, cell) => sum + cell.p, 0)).toBeLessThanOrEqual(1 + 1e-6);
      expect([column.step, column.position]).toEqual([token.step, String(token.position)]);
    }
  });

  it("lights the sampled token where it ranks, and keeps it when it ranks below all", () => {
    for (const token of tokens) {
      const { sampled, place, cells } = columnOf(token, null);
      expect([sampled.id, sampled.rank]).toEqual([token.token_id, token.rank]);
      expect(sampled.p).toBeCloseTo(token.probability, 7);
      expect(place).toBe(token.rank <= cells.length ? token.rank - 1 : -1);
      expect(cells.filter((cell) => cell.sampled)).toHaveLength(place < 0 ? 0 : 1);
    }
    expect(tokens.some((token) => token.rank > 20)).toBe(true);
  });

  it("writes a probability in two digits, and never a wrong one", () => {
    expect(shortProbability(0.354)).toBe(".35");
    expect(shortProbability(0.004)).toBe("<.01");
    expect(shortProbability(0.9951)).toBe(">.99");
    expect([shortProbability(0), shortProbability(1)]).toEqual(["0", "1"]);
  });

  it("is made once for each event and vocabulary", () => {
    const columns = new WaterfallColumns();
    const first = columns.of(tokens[3]!, null);
    expect(columns.of(tokens[3]!, null)).toBe(first);
    const vocabulary = {
      hash: "",
      size: 49152,
      text: () => "",
      label: (id: number) => `·t${id}`,
      isControl: () => false,
    };
    expect(columns.of(tokens[3]!, vocabulary).token).toBe(`t${tokens[3]!.token_id}`);
  });
});

it("keeps the top of the entropy's axis calm, and over every value", () => {
  expect([entropyTop(0), entropyTop(5.9), entropyTop(6), entropyTop(6.1)]).toEqual([6, 6, 6, 8]);
  const { tokens: ring } = stateAfter(tokens.length);
  for (let i = 0; i < ring.length; i++) {
    expect(entropyTop(ring.at(i)!.event.entropy)).toBeGreaterThanOrEqual(ring.at(i)!.event.entropy);
  }
});
