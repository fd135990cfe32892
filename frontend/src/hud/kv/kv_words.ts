import { bytes, count } from "../format";
import { captions, type KvLayers, type KvModel } from "./kv_model";

/** What is written round the ring: put into words when it has changed, since every frame writes it. */
export interface KvWords {
  /** Of the heading; wordings, longest first, here and below. */
  readonly captions: readonly string[];
  readonly prompt: string;
  readonly answer: string;
  readonly write: string;
  readonly free: string;
  /** What a window lets the next token see. */
  readonly window: string;
  readonly offset: string;
  readonly position: string;
  readonly used: string;
  readonly cells: string;
  /** Cells that the inner ring shows. */
  readonly inner: string;
  readonly keys: readonly string[];
  readonly values: readonly string[];
}

/** @param shown cells of the inner ring; 0 without a row of attention. */
export function kvWords(model: KvModel, head: number, shown: number): KvWords {
  return {
    captions: captions(model, `L${model.layer}·H${head}`),
    prompt: count(model.prompt),
    answer: count(model.answer),
    write: model.writeHead < 0 ? "full" : count(model.writeHead),
    free: count(model.free),
    window: count(model.window),
    offset: count(model.offset),
    position: count(model.position),
    used: count(model.used),
    cells: `of ${count(model.cells)}`,
    inner: `cells ${shown > 0 ? `0–${shown - 1}` : "no row"}`,
    keys: [`keys ${model.keys}`, `K ${model.keys}`, `K ${bytes(model.keysUsed)}`],
    values: [`values ${model.values}`, `V ${model.values}`, `V ${bytes(model.valuesUsed)}`],
  };
}

/** Bytes of all layers in use; wordings, longest first. */
export function bytesWords({ usedBytes, reservedBytes }: KvLayers): readonly string[] {
  return [`${bytes(usedBytes)} of ${bytes(reservedBytes)}`, bytes(usedBytes)];
}
