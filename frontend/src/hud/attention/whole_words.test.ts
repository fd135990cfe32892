import "../../app/platform";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { stage } from "../../../test/instrument_stage";
import { recordedState } from "../../../test/recorded_state";
import type { AppState } from "../../state/state";
import type { AttentionWeights } from "../../telemetry/protocol.gen";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { text } from "../theme";
import { attention } from "./attention";
import { bareLabel, tokenIdAt } from "./tokens";

const RECT = { x: 1488, y: 60, width: 416, height: 548 };

let state: AppState;

beforeAll(async () => {
  state = await recordedState();
  const row = [...state.attention.values()][0] as AttentionWeights;
  Object.assign(state.selection, { layer: row.layer, head: row.head });
});

/** The instrument, drawn with the pointer at a place: each text and where it hangs. */
function drawn(rect: Rect = RECT, run = state) {
  const shown = stage(attention, run, rect);
  shown.draw(100);
  return {
    ...shown,
    written(x = Number.NaN, y = Number.NaN) {
      shown.ui.pointerX = x;
      shown.ui.pointerY = y;
      const texts: { text: string; style: unknown; x: number; y: number; down: boolean }[] = [];
      const listen = (name: "textAt" | "textDownAt") => {
        const write = shown.scene[name].bind(shown.scene) as (...words: unknown[]) => number;
        return vi.spyOn(shown.scene, name).mockImplementation(((text: string, ...more: unknown[]) => {
          const [x = 0, y = 0] = shown.scene.at;
          texts.push({ text, style: more[0], x, y, down: name === "textDownAt" });
          return write(text, ...more);
        }) as Scene["textAt"] & Scene["textDownAt"]);
      };
      const spies = [listen("textAt"), listen("textDownAt")];
      shown.draw(101);
      for (const spy of spies) spy.mockRestore();
      return texts;
    },
  };
}

/** The callout's words: the only ones that name a position on an axis. */
const callout = (texts: readonly { text: string }[]) =>
  texts.map(({ text }) => text).filter((text) => /· pos \d+$/.test(text));

describe("pointing at a label of attention's axes", () => {
  it.each([false, true])("shows the whole token and its position (below: %s)", (below) => {
    const { written } = drawn();
    const labels = written().filter(({ style, down }) => style === text.word && down === below);
    expect(labels.length).toBeGreaterThan(10);
    let cut = 0;
    for (const { text: label, x, y } of labels) {
      const [words, ...more] = callout(below ? written(x + 4, y + 9) : written(x - 9, y - 3));
      expect(more).toEqual([]);
      const [, token, position] = /^"(.*)" · pos (\d+)$/.exec(words!)!;
      expect(token).toBe(state.vocabulary!.label(tokenIdAt(state, Number(position))!));
      const isCut = bareLabel(token!) !== label;
      if (isCut) expect(bareLabel(token!).startsWith(label.slice(0, -1)) && label.endsWith("…")).toBe(true);
      cut += isCut ? 1 : 0;
    }
    if (below) expect(cut).toBeGreaterThan(0);
  });

  it("says nothing beside the labels", () => {
    const { written } = drawn();
    expect(callout(written(RECT.x + 4, RECT.y + 20))).toEqual([]);
    expect(callout(written(RECT.x + 200, RECT.y + RECT.height - 60))).toEqual([]);
  });

  it("writes a token that is longer than the panel in lines, all of it, inside the panel", () => {
    const token = `·${"abcdefghij".repeat(12)}`;
    const long = { ...state, vocabulary: { label: () => token } as unknown as AppState["vocabulary"] };
    const { written } = drawn(RECT, long);
    const label = written().find(({ text, down }) => down && text.endsWith("…"))!;
    const before = new Set(written().map(({ text }) => text));
    const lines = written(label.x + 4, label.y + 9).filter(({ text }) => !before.has(text));
    expect(lines.length).toBeGreaterThan(2);
    const said = lines.map(({ text }) => text).join("");
    expect(said).toMatch(new RegExp(`^"${token}" · pos \\d+$`));
    for (const { x, y } of lines) {
      expect(x).toBeGreaterThan(RECT.x);
      expect(y).toBeLessThan(RECT.y + RECT.height);
    }
  });
});

it("names below the bars of a row say their own bar's token whole", () => {
  const { written } = drawn({ x: 16, y: 60, width: 1888, height: 944 });
  const names = written().filter(({ style, down }) => style === text.caption && down);
  expect(names.length).toBeGreaterThan(1);
  for (const { text: name, x, y } of names) {
    for (const aside of [0, 7]) {
      const said = written(x + aside, y + 10).filter(({ text }) => /^".*" [\d.]+$/.test(text));
      expect(said).toHaveLength(1);
      expect(said[0]!.text.slice(1).startsWith(name.replace(/…$/, ""))).toBe(true);
    }
  }
});

describe("the readout of attention's matrix", () => {
  const [query, made] = ["·antidisestablishmentarianism", "·counterrevolutionaries"];
  let long: AppState;
  beforeAll(() => {
    const label = (id: number): string => (id % 2 === 0 ? query : made);
    long = { ...state, vocabulary: { label } as unknown as AppState["vocabulary"] };
  });

  it.each([
    [416, 548],
    [352, 424],
  ])("says a line whole that it cuts, where one points at it, at %d x %d", (width, height) => {
    const { written } = drawn({ x: 0, y: 0, width, height }, long);
    const line = written().find(({ text }) => text.includes("→"))!;
    expect(line.text).toContain("…");
    const texts = written(line.x - 20, line.y - 3).map(({ text }) => text);
    const begin = texts.findIndex((text) => text.startsWith("query "));
    // It may take two lines.
    expect(texts.slice(begin, begin + 2).join("")).toMatch(
      new RegExp(`^query "(${query}|${made})" → "(${query}|${made})"`),
    );
  });

  it.each([
    [416, 548],
    [770, 1004],
  ])(
    "says query and key of the cell under the pointer whole where they are cut, at %d x %d",
    (width, height) => {
      const { written, ui } = drawn({ x: 0, y: 0, width, height }, long);
      const cell = ui.hits.find(width / 2, 100, "heat-cell")!;
      const texts = written(cell.x + cell.width * 0.2, cell.y + cell.height * 0.6).map(({ text }) => text);
      for (const name of ["query", "key"]) {
        const said = texts.filter((text) => text.startsWith(`${name} "`));
        expect(said).toHaveLength(1);
        expect(said[0]).toMatch(/^\w+ "·\w+" · pos \d+$/);
      }
    },
  );

  it("adds nothing where all has room", () => {
    const short = { ...state, vocabulary: { label: () => "·sea" } as unknown as AppState["vocabulary"] };
    const { written, ui } = drawn(RECT, short);
    const cell = ui.hits.find(RECT.x + RECT.width / 2, RECT.y + 100, "heat-cell")!;
    const said = written(cell.x + cell.width * 0.2, cell.y + cell.height * 0.6).map(({ text }) => text);
    expect(said.filter((text) => text.startsWith("query ") || text.startsWith("key "))).toEqual([]);
  });
});
