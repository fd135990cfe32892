import { describe, expect, it } from "vitest";
import { openVocabulary, tokenLabel, visible } from "./packed_vocabulary";

const utf8 = (text: string) => new TextEncoder().encode(text);

function packed(tokens: readonly Uint8Array[], types: readonly number[]) {
  const offsets = new Uint32Array(tokens.length + 1);
  tokens.forEach((token, i) => {
    offsets[i + 1] = offsets[i]! + token.length;
  });
  const text = new Uint8Array(offsets.at(-1)!);
  tokens.forEach((token, i) => void text.set(token, offsets[i]));
  const nd = <T extends { length: number }>(data: T) => ({ data, shape: [data.length] });
  return { size: tokens.length, text: nd(text), offsets: nd(offsets), types: nd(Uint8Array.from(types)) };
}

describe("a vocabulary", () => {
  const tokens = [utf8("<|im_start|>"), utf8(" sea"), utf8("\n\n"), new Uint8Array([0xc3]), utf8("日本")];
  const vocabulary = openVocabulary("v", packed(tokens, [3, 1, 1, 6, 1]));

  it("knows each token's text and label", () => {
    const labels = tokens.map((_, id) => vocabulary.label(id));
    expect(labels).toEqual(["‹im_start›", "·sea", "↵↵", "‹c3›", "日本"]);
    expect(vocabulary.text(1)).toBe(" sea");
    expect(vocabulary.text(3)).toBe("\ufffd");
    expect(vocabulary.isControl(0)).toBe(true);
    expect(vocabulary.isControl(1)).toBe(false);
  });

  it("has an answer for ids it has not", () => {
    expect(vocabulary.label(99)).toBe("‹99›");
    expect(vocabulary.text(99)).toBe("");
  });

  it("refuses parts that do not fit", () => {
    const body = packed(tokens, [3, 1, 1, 6, 1]);
    expect(() => openVocabulary("v", { ...body, size: 4 })).toThrow();
    expect(() => openVocabulary("v", { ...body, types: { data: new Uint8Array(2), shape: [2] } })).toThrow();
  });
});

describe("labels", () => {
  it.each([
    ["a b\tc", "a·b⇥c"],
    ["\u200b", "‹200b›"],
    ["\u00a0x", "‹a0›x"],
    ["\u0007", "‹7›"],
    ["👩‍🚀", "👩‍🚀"],
    ["naïve", "naïve"],
  ])("%j is %s", (text, label) => expect(visible(text)).toBe(label));

  it("of nothing says so", () => expect(tokenLabel(new Uint8Array(), false)).toBe("‹empty›"));
});
