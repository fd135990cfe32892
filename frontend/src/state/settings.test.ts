import { describe, expect, it } from "vitest";
import { MAX_PROMPT_BYTES } from "../telemetry/protocol.gen";
import { clampField, FIELDS } from "./fields";
import {
  generateCommand,
  initialSettings,
  loadSettings,
  parseSettings,
  promptRefusal,
  saveSettings,
} from "./settings";

describe("settings", () => {
  it.each([null, "", "nonsense", "[]", "3", '{"values": 5, "raw": "yes", "prompt": 7, "topCount": 9}'])(
    "of %s are those of a first visit",
    (text) => expect(parseSettings(text)).toEqual(initialSettings()),
  );

  it("are bounded, whatever was stored", () => {
    const values = { temperature: 99, top_k: -1, top_p: "1", min_p: null, seed: 1.6, max_tokens: 1e300 };
    const settings = parseSettings(JSON.stringify({ values, prompt: "x".repeat(50_000) }));
    expect(settings.values).toMatchObject({ temperature: 2, top_k: 0, top_p: 0.95, min_p: 0.05, seed: 2 });
    expect(settings.values.max_tokens).toBe(100_000);
    expect(settings.prompt.length).toBe(20_000);
  });

  it("come back as they were saved", () => {
    const stored = new Map<string, string>();
    const storage = {
      getItem: (key: string) => stored.get(key) ?? null,
      setItem: (key: string, value: string) => stored.set(key, value),
    } as unknown as Storage;
    const settings = initialSettings();
    settings.prompt = "Il était une fois";
    settings.raw = true;
    settings.topCount = 20;
    settings.values.temperature = 1.25;
    saveSettings(storage, settings);
    expect(loadSettings(storage)).toEqual(settings);
  });

  it("do without storage that is full or forbidden", () => {
    const storage = {
      getItem: () => {
        throw new Error("forbidden");
      },
      setItem: () => {
        throw new Error("full");
      },
    } as unknown as Storage;
    expect(loadSettings(storage)).toEqual(initialSettings());
    saveSettings(storage, initialSettings());
  });

  it("become a command the server takes", () => {
    const settings = initialSettings();
    settings.prompt = "語";
    const command = generateCommand(settings);
    expect(command.prompt).toBe("語");
    expect(command.max_tokens).toBe(256);
    expect(Object.keys(command.sampling).sort()).toEqual(
      ["min_p", "repeat_penalty", "seed", "temperature", "top_k", "top_p"].sort(),
    );
  });

  it("say of a prompt that is too long how long it is, and cut none", () => {
    expect(promptRefusal("x".repeat(MAX_PROMPT_BYTES))).toBe("");
    expect(promptRefusal("語".repeat(MAX_PROMPT_BYTES / 3))).toBe("");
    expect(promptRefusal("語".repeat(MAX_PROMPT_BYTES / 3 + 1))).toContain("60,003 bytes");
  });
});

describe("fields", () => {
  it("round to their digits", () => {
    const temperature = FIELDS.find((field) => field.key === "temperature")!;
    expect(clampField(temperature, 0.1 + 0.2)).toBe(0.3);
    expect(clampField(temperature, Number.NaN)).toBe(0.8);
  });

  it("begin within their bounds, and say what they do in one sentence", () => {
    for (const field of FIELDS) {
      expect(clampField(field, field.initial)).toBe(field.initial);
      expect(field.tip).toMatch(/^[A-Z].*\.$/);
    }
  });
});
