import type { NdArray } from "../telemetry/protocol.gen";
import type { Vocabulary } from "./vocabulary";

/** Body of `api/vocabulary/{hash}`: the bytes of all tokens end to end, and where each begins. */
export interface VocabularyBody {
  readonly size: number;
  readonly text: NdArray<Uint8Array>;
  readonly offsets: NdArray<Uint32Array>;
  readonly types: NdArray<Uint8Array>;
}

/** Token types of a GGUF that are not text. */
const CONTROL = 3;
const UNUSED = 5;

const lenient = new TextDecoder("utf-8");
const strict = new TextDecoder("utf-8", { fatal: true });

/** Stands for each token of a prompt that was taken out of a session (`backend/cloudchamber/sessions/redact.py`). */
const WITHHELD = 0xffffffff;

/** A vocabulary that decodes a token's text when it is first asked for. Throws on a body that does not fit. */
export function openVocabulary(hash: string, body: VocabularyBody): Vocabulary {
  const { size } = body;
  const offsets = body.offsets.data;
  const bytes = body.text.data;
  const types = body.types.data;
  if (offsets.length !== size + 1 || types.length !== size || (offsets[size] ?? 0) > bytes.length) {
    throw new Error("The vocabulary the server sent does not fit together.");
  }
  const labels: (string | undefined)[] = new Array(size);
  const slice = (id: number) => bytes.subarray(offsets[id], offsets[id + 1]);
  const isControl = (id: number) => types[id] === CONTROL || types[id] === UNUSED;
  return {
    hash,
    size,
    isControl,
    text: (id) => (id < size ? lenient.decode(slice(id)) : ""),
    label(id) {
      if (id >= size) return id === WITHHELD ? "‹withheld›" : `‹${id}›`;
      labels[id] ??= tokenLabel(slice(id), isControl(id));
      return labels[id];
    },
  };
}

/** A token on one line, with nothing invisible: `·` is a space, `↵` a line break, `⇥` a tab. */
export function tokenLabel(bytes: Uint8Array, control: boolean): string {
  let text: string;
  try {
    text = strict.decode(bytes);
  } catch {
    return `‹${Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(" ")}›`;
  }
  if (control) return `‹${text.replace(/^<\|?|\|?>$/g, "")}›`;
  if (text === "") return "‹empty›";
  return visible(text);
}

/** `text` with spaces, line breaks and characters that have no shape made visible. */
export function visible(text: string): string {
  return text.replace(/[\p{Z}\p{Cc}\p{Cf}]/gu, (character) => {
    if (character === " ") return "·";
    if (character === "\n") return "↵";
    if (character === "\t") return "⇥";
    // A joiner inside an emoji is part of its shape.
    if (character === "\u200d") return character;
    return `‹${character.codePointAt(0)!.toString(16)}›`;
  });
}
