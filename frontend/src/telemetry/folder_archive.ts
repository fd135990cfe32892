import { decodeValue } from "./decode";
import { inflate } from "./inflate";

/** Body of `session.json`; see `backend/cloudchamber/sessions/site.py`. */
interface FolderIndex {
  readonly format: number;
  /** Bytes of each part, unpacked. */
  readonly parts: Readonly<Record<string, number>>;
}

/** Largest part taken, in bytes. */
const MAX_PART = 1 << 28;

/** A session exported as a folder, served by any static host beside the page. */
export class FolderArchive {
  private index: Promise<FolderIndex> | null = null;

  constructor(private readonly base: string | URL) {}

  /** Every part there is. */
  async names(): Promise<readonly string[]> {
    return Object.keys((await this.known()).parts);
  }

  /** The part, decoded; null if it is not there. Throws with a sentence. */
  async part(name: string, signal?: AbortSignal): Promise<unknown> {
    const { parts } = await this.known();
    const raw = Object.hasOwn(parts, name) ? parts[name]! : -1;
    if (raw < 0) return null;
    const response = await this.get(`parts/${name}.bin.gz`, signal);
    const body = await response.blob();
    const packed = new Uint8Array(await body.slice(0, 2).arrayBuffer());
    // A host may name the coding, and the browser has then taken it off already.
    const gzip = packed[0] === 0x1f && packed[1] === 0x8b;
    const bytes = gzip
      ? await inflate(body, Math.min(raw, MAX_PART))
      : new Uint8Array(await body.arrayBuffer());
    signal?.throwIfAborted();
    if (bytes?.length !== raw) throw new Error(`The part ${name} did not come whole.`);
    return decodeValue(bytes);
  }

  /** Not aborted with a part's fetch: others wait for it too. A failure is not kept. */
  private known(): Promise<FolderIndex> {
    this.index ??= this.fetchIndex().catch((error: unknown) => {
      this.index = null;
      throw error;
    });
    return this.index;
  }

  private async fetchIndex(): Promise<FolderIndex> {
    const index = (await (await this.get("session.json")).json()) as Partial<FolderIndex> | null;
    if (typeof index?.parts !== "object") throw new Error("The folder's list of parts is not valid.");
    return index as FolderIndex;
  }

  private async get(path: string, signal?: AbortSignal): Promise<Response> {
    const response = await fetch(new URL(path, this.base), signal ? { signal } : {});
    if (!response.ok) throw new Error(`The host answered ${response.status} for ${path}.`);
    return response;
  }
}
