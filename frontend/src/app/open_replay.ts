import { openVocabulary, type VocabularyBody } from "../state/packed_vocabulary";
import type { Vocabulary } from "../state/vocabulary";
import type { Archive } from "../telemetry/archive";
import type { Manifest } from "../telemetry/archive.gen";
import { ArchiveSource } from "../telemetry/archive_source";
import {
  type FoundModel,
  openPositions,
  type PositionMethod,
  type Positions,
  type PositionsBody,
  type Resources,
} from "../telemetry/resources";

interface Replay {
  readonly source: ArchiveSource;
  readonly resources: Resources;
  readonly lacking: string;
}

/** A kept run as the page's source, and what it brings along. Rejects with a sentence. */
export async function openReplay(archive: Archive, exported = false): Promise<Replay> {
  const source = await ArchiveSource.open(archive);
  const lacking = exported ? lackingIn(source.manifest) : "";
  return { source, resources: new ArchiveResources(archive), lacking };
}

/** What an exported session does not have, in sentences; empty if it has everything. */
export function lackingIn(manifest: Manifest): string {
  const { redacted, distribution_exact, attention_layers, model } = manifest;
  const count = attention_layers.length;
  const held = count === 1 ? `layer ${attention_layers[0]}` : `${count} of ${model.model.n_layer} layers`;
  return [
    redacted ? "Its prompt is withheld." : "",
    count === 0 ? "It holds no attention but the heads' summaries." : "",
    count > 0 && count < model.model.n_layer ? `It holds the attention of ${held}.` : "",
    distribution_exact ? "" : "Its distributions are as they were shown; the exact ones are left out.",
  ]
    .filter(Boolean)
    .join(" ");
}

/** Vocabulary and positions out of the archive itself. */
class ArchiveResources implements Resources {
  constructor(private readonly archive: Archive) {}

  async vocabulary(hash: string, signal: AbortSignal): Promise<Vocabulary> {
    const body = await this.archive.part("vocabulary", signal);
    if (!body) throw new Error("The session does not hold the names of its tokens.");
    return openVocabulary(hash, body as VocabularyBody);
  }

  async positions(hash: string, method: PositionMethod, signal: AbortSignal): Promise<Positions> {
    const body = await this.archive.part(`positions/${method}`, signal);
    if (!body) throw new Error(`The session holds no ${method.toUpperCase()} positions.`);
    return openPositions(hash, body as PositionsBody);
  }

  async models(): Promise<readonly FoundModel[]> {
    return [];
  }
}
