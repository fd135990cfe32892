import { openVocabulary, type VocabularyBody } from "../state/packed_vocabulary";
import type { Vocabulary } from "../state/vocabulary";
import type { Archive } from "../telemetry/archive";
import { ArchiveSource } from "../telemetry/archive_source";
import {
  type FoundModel,
  openPositions,
  type PositionMethod,
  type Positions,
  type PositionsBody,
  type Resources,
} from "../telemetry/resources";

/** A kept run as the page's source, and what it brings along. Rejects with a sentence. */
export async function openReplay(archive: Archive): Promise<{ source: ArchiveSource; resources: Resources }> {
  const source = await ArchiveSource.open(archive);
  return { source, resources: new ArchiveResources(archive) };
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
