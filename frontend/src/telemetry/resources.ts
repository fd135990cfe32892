import { openVocabulary, type VocabularyBody } from "../state/packed_vocabulary";
import type { Vocabulary } from "../state/vocabulary";
import { decodeValue } from "./decode";
import type { NdArray } from "./protocol.gen";

export type PositionMethod = "pca" | "umap";

/** Where each token of the vocabulary stands. */
export interface Positions {
  readonly hash: string;
  readonly method: PositionMethod;
  /** V × (x, y, z). */
  readonly points: Float32Array;
  /** V: distance to the 16th neighbour in this layout. */
  readonly radius: Float32Array;
}

/** A model the server found. */
export interface FoundModel {
  readonly id: string;
  readonly name: string;
  readonly bytes: number;
  readonly source: string;
}

/** What is fetched once and never changes, named by the hash of its content. */
export interface Resources {
  vocabulary(hash: string, signal: AbortSignal): Promise<Vocabulary>;
  positions(hash: string, method: PositionMethod, signal: AbortSignal): Promise<Positions>;
  models(signal: AbortSignal): Promise<readonly FoundModel[]>;
}

/** Body of `api/positions/{hash}/{method}`. */
export interface PositionsBody {
  readonly method: PositionMethod;
  readonly points: NdArray<Float32Array>;
  readonly radius: NdArray<Float32Array>;
}

/** Throws when the arrays do not belong together. */
export function openPositions(hash: string, body: PositionsBody): Positions {
  const [count, axes] = body.points.shape;
  if (axes !== 3 || body.radius.data.length !== count) {
    throw new Error("The positions the server sent do not fit together.");
  }
  return { hash, method: body.method, points: body.points.data, radius: body.radius.data };
}

/** Resources of the server beside the page. */
export class HttpResources implements Resources {
  constructor(private readonly base: string) {}

  async vocabulary(hash: string, signal: AbortSignal): Promise<Vocabulary> {
    const body = await this.message(`api/vocabulary/${encodeURIComponent(hash)}`, signal);
    return openVocabulary(hash, body as VocabularyBody);
  }

  async positions(hash: string, method: PositionMethod, signal: AbortSignal): Promise<Positions> {
    const body = await this.message(`api/positions/${encodeURIComponent(hash)}/${method}`, signal);
    return openPositions(hash, body as PositionsBody);
  }

  async models(signal: AbortSignal): Promise<readonly FoundModel[]> {
    const response = await this.get("api/models", signal);
    const { models } = (await response.json()) as { readonly models: readonly FoundModel[] };
    return models;
  }

  private async message(path: string, signal: AbortSignal): Promise<unknown> {
    const response = await this.get(path, signal);
    return decodeValue(await response.arrayBuffer());
  }

  private async get(path: string, signal: AbortSignal): Promise<Response> {
    const response = await fetch(new URL(path, this.base), { signal });
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${path}.`);
    return response;
  }
}
