import type { AppState, TokenRow } from "../../state/state";
import type { HeadSummary, LayerActivation } from "../../telemetry/protocol.gen";

/** Ends of the norms' logarithmic scale: powers of ten. */
export interface Decades {
  readonly low: number;
  readonly high: number;
}

/** What the scale is unless a norm lies outside. */
export const USUAL: Decades = { low: 1, high: 1000 };

/** Bars of a row: attention, MLP, output. */
export const BARS = 3;
/** Norms that stand out in each column. */
const STRONGEST = 3;
/** Of a head's focus; the power keeps the middling ones quiet. */
const FOCUS_POWER = 2.1;

/** One token's way through the layers, a row per layer. */
export interface PulseModel {
  /** Position of the token that went through. */
  readonly position: number;
  readonly count: number;
  /** Number of the layer in each row. */
  readonly layer: Uint16Array;
  readonly layerShown: readonly string[];
  /** L2 norms, `BARS` to a row; NaN where the architecture lacks the part. */
  readonly norms: Float32Array;
  /** 1 for the strongest of their column. */
  readonly strong: Uint8Array;
  /** 1 for a row that has one of the strongest. */
  readonly marked: Uint8Array;
  /** |out - in| / |in|. */
  readonly change: Float32Array;
  readonly changeShown: readonly string[];
  /** Norm and change of the last layer. */
  readonly output: string;
  readonly residual: string;
}

/** How sharply each head looks: 0 is evenly at everything, 1 at one token. `columns` to a row. */
export interface FocusModel {
  readonly columns: number;
  /** Heads that a mark stands for, shown by their sharpest; the last may stand for fewer. */
  readonly headsPerMark: number;
  readonly marks: Float32Array;
}

/** A norm to about three digits. */
export function norm(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (value >= 10_000) return value.toExponential(1).replace("e+", "e");
  return value.toFixed(value >= 1000 ? 0 : value >= 10 ? 1 : 2);
}

/** A relative change: `.25`, `1.11`, `10.6`. */
export function change(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const shown = value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
  return shown.startsWith("0.") ? shown.slice(1) : shown;
}

export function pulseModel(event: LayerActivation): PulseModel {
  const count = event.layer.data.length;
  const parts = [event.attention_norm.data, event.mlp_norm.data, event.output_norm.data];
  const norms = new Float32Array(count * BARS);
  const strong = new Uint8Array(count * BARS);
  const marked = new Uint8Array(count);
  for (let bar = 0; bar < BARS; bar++) {
    const values = parts[bar]!;
    for (let row = 0; row < count; row++) norms[row * BARS + bar] = values[row]!;
    markStrongest(values, bar, strong, marked);
  }
  const changes = event.residual_change.data.slice();
  return {
    position: event.position,
    count,
    layer: event.layer.data.slice(),
    layerShown: written(event.layer.data, layerNumber),
    norms,
    strong,
    marked,
    change: changes,
    changeShown: written(changes, change),
    output: norm(count > 0 ? event.output_norm.data[count - 1]! : Number.NaN),
    residual: change(count > 0 ? changes[count - 1]! : Number.NaN),
  };
}

function written(values: ArrayLike<number>, say: (value: number) => string): string[] {
  const out: string[] = [];
  for (let i = 0; i < values.length; i++) out.push(say(values[i]!));
  return out;
}

/** Two digits, each made once. */
const NUMBERS: string[] = [];
const layerNumber = (layer: number): string => (NUMBERS[layer] ??= String(layer).padStart(2, "0"));

/** Marks the rows of a column's greatest values; none when every row would be among them. */
function markStrongest(values: Float32Array, bar: number, strong: Uint8Array, marked: Uint8Array): void {
  let known = 0;
  for (let row = 0; row < values.length; row++) if (Number.isFinite(values[row])) known++;
  if (known <= STRONGEST) return;
  for (let place = 0; place < STRONGEST; place++) {
    let most = -1;
    for (let row = 0; row < values.length; row++) {
      if (!Number.isFinite(values[row]) || strong[row * BARS + bar]) continue;
      if (most < 0 || values[row]! > values[most]!) most = row;
    }
    strong[most * BARS + bar] = 1;
    marked[most] = 1;
  }
}

/** `scale`, made longer where a norm lies outside: it only grows, so that bars of a run can be compared. */
export function widen(scale: Decades, { norms }: PulseModel): Decades {
  let { low, high } = scale;
  for (let i = 0; i < norms.length; i++) {
    const value = norms[i]!;
    if (!Number.isFinite(value)) continue;
    while (value > high) high *= 10;
    // What is nothing at all has no place on a logarithmic scale: its bar is empty.
    while (value < low && value > 1e-6) low /= 10;
  }
  return low === scale.low && high === scale.high ? scale : { low, high };
}

/** Where a norm stands on the scale, 0 to 1. */
export function place(scale: Decades, value: number): number {
  if (!(value > scale.low)) return 0;
  return Math.min(Math.log10(value / scale.low) / Math.log10(scale.high / scale.low), 1);
}

/** Wordings of the scale, longest first. */
export function scaleNames({ low, high }: Decades): string[] {
  const ends = `${decade(low)} – ${decade(high)}`;
  const extended = low < USUAL.low || high > USUAL.high;
  const note = extended ? " · extended" : "";
  return [`L2 norm · log ${ends}${note}`, `log ${ends}${note}`, `log ${ends}`];
}

function decade(value: number): string {
  if (value > 10_000 || value < 0.01) return value.toExponential(0).replace("e+", "e");
  return value >= 1 ? String(Math.round(value)) : String(value).slice(1);
}

/**
 * 1 - H / ln n of every head's newest row, n being the positions it may look at, to a power; at most `most` marks
 * a row.
 */
export function focusModel(heads: HeadSummary, windows: ArrayLike<number>, most: number): FocusModel {
  const [layers = 0, count = 0] = heads.entropy.shape;
  const headsPerMark = Math.max(1, Math.ceil(count / Math.max(most, 1)));
  const columns = Math.ceil(count / headsPerMark);
  const marks = new Float32Array(layers * columns);
  for (let layer = 0; layer < layers; layer++) {
    const window = windows[layer] ?? 0;
    const keys = window > 0 ? Math.min(window, heads.position + 1) : heads.position + 1;
    for (let head = 0; head < count; head++) {
      const sharp = sharpness(heads.entropy.data[layer * count + head]!, keys);
      const mark = layer * columns + Math.floor(head / headsPerMark);
      marks[mark] = Math.max(marks[mark]!, sharp);
    }
  }
  return { columns, headsPerMark, marks };
}

function sharpness(entropy: number, keys: number): number {
  if (!Number.isFinite(entropy) || keys < 2) return 0;
  return Math.min(Math.max(1 - entropy / Math.log(keys), 0), 1) ** FOCUS_POWER;
}

/** The generated token that came out of the pass of `position`; undefined for the inside of a prompt. */
export function tokenOfPass({ tokens }: AppState, position: number): TokenRow | undefined {
  const newest = tokens.at(-1);
  if (!newest) return undefined;
  const index = tokens.length - 1 - (newest.event.position - (position + 1));
  return index < 0 ? undefined : tokens.at(index);
}

/**
 * How many of `count` layers the pulse has passed at `now`: it sets out when its token arrives, and takes as long
 * as the token took. `count` when it is through.
 */
export function pulseAt(row: TokenRow, count: number, now: number): number {
  const { decode_seconds: seconds } = row.event;
  if (!(seconds > 0)) return count;
  return Math.min(Math.max(((now - row.arrived) / seconds) * count, 0), count);
}
