import type { Archive } from "./archive";

/** A session whose parts are not what they should be; the message is a sentence for a person. */
export class SessionError extends Error {
  override readonly name = "SessionError";
}

const MOST_STEPS = 1 << 22;
const MOST_LAYERS = 4096;
const MOST_HEADS = 4096;
const MOST_VOCABULARY = 1 << 22;

/**
 * A stranger's archive: the shape of each part is checked before anyone reads it, so that no
 * count in it leads past its arrays, or to more memory than its bytes are worth.
 */
export class CheckedArchive implements Archive {
  constructor(private readonly archive: Archive) {}

  /** The part, or null. Rejects with `SessionError` when it is not of its kind's shape. */
  async part(name: string, signal?: AbortSignal): Promise<unknown> {
    const part = await this.archive.part(name, signal);
    const kind = name.split("/")[0]!;
    const check = Object.hasOwn(CHECKS, kind) ? CHECKS[kind] : undefined;
    if (part !== null && !check?.(part)) {
      throw new SessionError(`The session is not valid: its ${name} is not as it should be.`);
    }
    return part;
  }
}

type Check = (value: unknown) => boolean;

const whole =
  (most: number): Check =>
  (value) =>
    Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most;
const real: Check = (value) => Number.isFinite(value);
const text: Check = (value) => typeof value === "string";
const yes: Check = (value) => typeof value === "boolean";

const all =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);

const optional =
  (check: Check): Check =>
  (value) =>
    value === null || value === undefined || check(value);

/** A map with at least these fields. */
const map =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

/** An array of a type and of so many dimensions. */
const array =
  (type: abstract new (...args: never[]) => ArrayLike<unknown>, dimensions: number): Check =>
  (value) => {
    const { data, shape } = (value ?? {}) as { data?: unknown; shape?: unknown };
    return data instanceof type && Array.isArray(shape) && shape.length === dimensions;
  };

const started = map({
  kind: (kind) => kind === "run_started",
  run_id: text,
  prompt: text,
  prompt_ids: array(Uint32Array, 1),
  sampling: map({ temperature: real, top_k: real, top_p: real, min_p: real, repeat_penalty: real }),
});

const model = map({
  kind: (kind) => kind === "model_loaded",
  model: map({
    name: text,
    architecture: text,
    n_layer: whole(MOST_LAYERS),
    n_head: whole(MOST_HEADS),
    n_head_kv: whole(MOST_HEADS),
    n_vocab: whole(MOST_VOCABULARY),
    n_ctx: whole(2 ** 31),
    windows: array(Int32Array, 1),
    rope: map({ rotations: all(map({ layers: array(Uint16Array, 1), factors: array(Float32Array, 1) })) }),
    embedding_hash: text,
    vocabulary_hash: text,
  }),
});

const phaseChange: Check = (value) => {
  const [time, phase, ...more] = Array.isArray(value) ? value : [];
  return real(time) && text(phase) && more.length === 0;
};

const manifest = map({
  format: whole(2 ** 31),
  title: text,
  seconds: real,
  steps: whole(MOST_STEPS),
  complete: yes,
  completing: optional(yes),
  model,
  started,
  prompt: optional(map({ n_tokens: whole(MOST_STEPS), seconds: real })),
  finished: optional(map({ phase: text, reason: text, message: text })),
  positions: all((method) => method === "pca" || method === "umap"),
  attention_layers: all(whole(MOST_LAYERS)),
  attention_rows: (rows) => whole(MOST_STEPS)(rows) && rows !== 0,
  attention_error: real,
  phases: optional(all(phaseChange)),
  frame_chunks: all((chunk) => all(real)(chunk) && (chunk as number[]).length === 6),
});

interface Nd {
  readonly data: ArrayLike<number>;
}

const timelineShape = map({
  time: array(Float64Array, 1),
  token: array(Uint32Array, 1),
  position: array(Uint32Array, 1),
  p: array(Float32Array, 1),
  rank: array(Uint32Array, 1),
  entropy: array(Float32Array, 1),
});

function timeline(value: unknown): boolean {
  if (!timelineShape(value)) return false;
  const lengths = Object.values(value as Record<string, Nd>).map(({ data }) => data?.length);
  return new Set(lengths).size === 1;
}

const token = map({
  step: whole(MOST_STEPS),
  position: whole(MOST_STEPS),
  token_id: whole(2 ** 32),
  token_text: text,
  probability: real,
  rank: whole(2 ** 32),
  top_ids: array(Uint32Array, 1),
  top_p: array(Float32Array, 1),
});

const framesShape = map({
  time: array(Float64Array, 1),
  offsets: array(Uint32Array, 1),
  lengths: array(Uint32Array, 1),
  data: array(BigUint64Array, 1),
});

/** Each frame lies within the data, at a multiple of 8. */
function frames(value: unknown): boolean {
  if (!framesShape(value)) return false;
  const { time, offsets, lengths, data } = value as Record<string, Nd>;
  const count = time!.data.length;
  if (lengths!.data.length !== count || offsets!.data.length !== count + 1) return false;
  const bytes = data!.data.length * 8;
  return Array.from({ length: count }, (_, i) => i).every((i) => {
    const start = offsets!.data[i]!;
    return start % 8 === 0 && start + lengths!.data[i]! <= bytes;
  });
}

const attentionShape = map({
  query_start: whole(MOST_STEPS),
  rows: whole(MOST_STEPS),
  heads: whole(MOST_HEADS),
  keys: whole(MOST_STEPS),
  scale: array(Float32Array, 2),
  sink: array(Float32Array, 2),
  weights: array(Uint8Array, 3),
});

function attention(value: unknown): boolean {
  if (!attentionShape(value)) return false;
  const { rows, heads, keys, scale, sink, weights } = value as Record<string, number & Nd>;
  const cells = rows! * heads!;
  return (
    scale!.data.length === cells && sink!.data.length === cells && weights!.data.length === cells * keys!
  );
}

/** By the first word of a part's name. */
const CHECKS: Readonly<Record<string, Check>> = {
  manifest,
  timeline,
  tokens: map({ tokens: all(token) }),
  frames,
  attention,
  distribution: map({ probabilities: array(Float32Array, 1) }),
  vocabulary: map({
    size: whole(MOST_VOCABULARY),
    text: array(Uint8Array, 1),
    offsets: array(Uint32Array, 1),
    types: array(Uint8Array, 1),
  }),
  positions: map({ points: array(Float32Array, 2), radius: array(Float32Array, 1) }),
};
