import { decodeValue } from "./decode";
import { socketUrl } from "./socket";

/**
 * One kept run: named, decoded parts, wherever they are. What each part holds is told in
 * `archive.gen.ts`.
 */
export interface Archive {
  /** The part, decoded; null if it is not there. Rejects with a sentence when it can't be had. */
  part(name: string, signal?: AbortSignal): Promise<unknown>;
  /** While its run goes on, there is more and more of it. */
  readonly grows?: boolean;
  /** Where a connection is held for as long as it is looked at. */
  readonly watch?: string;
}

/** No credentials, not enough of them, or a link that is over: the server says which in a sentence. */
const NOT_LET_IN = [401, 403, 410];

/** A session that a server hands out at `path` beside the page. */
export class HttpArchive implements Archive {
  readonly grows = true;
  readonly watch: string;
  private readonly parts: URL;

  constructor(path: string, page: string) {
    this.parts = new URL(`${path}parts/`, page);
    this.watch = socketUrl(`${path}watch`, page);
  }

  async part(name: string, signal?: AbortSignal): Promise<unknown> {
    const response = await fetch(new URL(name, this.parts), signal ? { signal } : {}).catch(away);
    if (response.status === 404) return null;
    if (NOT_LET_IN.includes(response.status)) throw new Error((await response.text()).trim());
    if (!response.ok) throw new Error(`The server answered ${response.status} for ${name}.`);
    return decodeValue(await response.arrayBuffer());
  }
}

/** In place of what browsers say when nobody answers. */
export function away(error: unknown): never {
  if (!(error instanceof TypeError)) throw error;
  throw new Error("The server does not answer. The page goes on as soon as it is back.");
}

/** Bytes of decoded parts held: a few minutes of frames, or the attention on show. */
const MOST_BYTES = 160 << 20;

interface Held {
  readonly part: unknown;
  readonly bytes: number;
}

/** The parts that were used last, so that going to and fro in a run fetches once. */
export class PartCache {
  private readonly held = new Map<string, Held>();
  private readonly coming = new Map<string, Promise<unknown>>();
  private bytes = 0;

  constructor(
    private readonly archive: Archive,
    private readonly signal?: AbortSignal,
    private readonly mostBytes = MOST_BYTES,
  ) {}

  /** The part if it is here; null if there is none, undefined if it is not here. */
  peek(name: string): unknown {
    const found = this.held.get(name);
    if (!found) return undefined;
    this.held.delete(name);
    this.held.set(name, found);
    return found.part;
  }

  async load(name: string): Promise<unknown> {
    const found = this.peek(name);
    if (found !== undefined) return found;
    let coming = this.coming.get(name);
    if (!coming) {
      coming = this.archive.part(name, this.signal).then((part) => {
        this.keep(name, part);
        return part;
      });
      this.coming.set(name, coming);
      const done = () => this.coming.delete(name);
      coming.then(done, done);
    }
    return coming;
  }

  /** The part is here, or on its way. */
  holds(name: string): boolean {
    return this.held.has(name) || this.coming.has(name);
  }

  /** A part that may have grown, asked for anew; until it comes, what is here stays. */
  async renew(name: string): Promise<unknown> {
    await this.coming.get(name)?.catch(() => {});
    const part = await this.archive.part(name, this.signal);
    this.keep(name, part);
    return part;
  }

  /** What was not there may have come: it is asked for again. */
  forgetMissing(): void {
    for (const [name, { part }] of this.held) if (part === null) this.drop(name);
  }

  private drop(name: string): void {
    this.bytes -= this.held.get(name)?.bytes ?? 0;
    this.held.delete(name);
  }

  private keep(name: string, part: unknown): void {
    this.drop(name);
    const bytes = sizeOf(part);
    this.held.set(name, { part, bytes });
    this.bytes += bytes;
    for (const [other, { bytes: freed }] of this.held) {
      if (this.bytes <= this.mostBytes || other === name) break;
      this.held.delete(other);
      this.bytes -= freed;
    }
  }
}

/** Bytes that a decoded part keeps alive, about. */
function sizeOf(part: unknown): number {
  if (ArrayBuffer.isView(part)) return part.byteLength;
  if (typeof part !== "object" || part === null) return 16;
  let sum = 64;
  for (const value of Object.values(part)) sum += sizeOf(value);
  return sum;
}
