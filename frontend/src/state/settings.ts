import { type Generate, MAX_PROMPT_BYTES, type Sampling } from "../telemetry/protocol.gen";
import { clampField, FIELDS, type Field } from "./fields";

/** What the page remembers of a person from visit to visit. */
export interface Settings {
  prompt: string;
  /** Send the prompt as it is, without the model's chat template. */
  raw: boolean;
  values: Record<Field["key"], number>;
  /** Candidates shown by the monitor. */
  topCount: 5 | 20;
}

const KEY = "cloud-chamber.settings";

/** Longest prompt that is remembered, in UTF-16 units: storage is small. */
const REMEMBERED_PROMPT = 20_000;

export function initialSettings(): Settings {
  const values = Object.fromEntries(FIELDS.map((field) => [field.key, field.initial]));
  return { prompt: "", raw: false, values: values as Settings["values"], topCount: 5 };
}

/** Whatever was stored, made valid; nothing in it is trusted. */
export function parseSettings(text: string | null): Settings {
  const settings = initialSettings();
  const stored = parseObject(text);
  if (typeof stored.prompt === "string") settings.prompt = stored.prompt.slice(0, REMEMBERED_PROMPT);
  if (typeof stored.raw === "boolean") settings.raw = stored.raw;
  if (stored.topCount === 20) settings.topCount = 20;
  const values = isObject(stored.values) ? stored.values : {};
  for (const field of FIELDS) settings.values[field.key] = clampField(field, values[field.key]);
  return settings;
}

export function loadSettings(storage: Storage | null): Settings {
  try {
    return parseSettings(storage?.getItem(KEY) ?? null);
  } catch {
    return initialSettings();
  }
}

/** Storage may be full or forbidden; the page works on without it. */
export function saveSettings(storage: Storage | null, settings: Settings): void {
  try {
    const prompt = settings.prompt.slice(0, REMEMBERED_PROMPT);
    storage?.setItem(KEY, JSON.stringify({ ...settings, prompt }));
  } catch {
    // Nothing to do: the settings last as long as the page.
  }
}

/** The command that starts a run with these settings. */
export function generateCommand(settings: Settings): Generate {
  const { max_tokens, ...sampling } = settings.values;
  const { prompt, raw } = settings;
  return { kind: "generate", prompt, raw, max_tokens, sampling: sampling satisfies Sampling };
}

/** Why a prompt can't be sent, as a sentence; empty if it can. */
export function promptRefusal(prompt: string): string {
  const { length } = new TextEncoder().encode(prompt);
  if (length <= MAX_PROMPT_BYTES) return "";
  const [has, most] = [length, MAX_PROMPT_BYTES].map((bytes) => bytes.toLocaleString("en"));
  return `The prompt has ${has} bytes and at most ${most} are taken. Shorten it.`;
}

function parseObject(text: string | null): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text ?? "{}");
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
