/** A share link, as `GET api/shares` lists it. Times are Unix seconds. */
export interface ShareLink {
  readonly id: string;
  readonly right: "viewer" | "controller";
  /** "live", or a kept session's id. */
  readonly session: string;
  readonly created: number;
  readonly expires: number;
  /** Open connections that came by it. */
  readonly viewers: number;
}

/** A link just made: only now is its address known. */
export interface NewLink extends ShareLink {
  /** Relative to the page. */
  readonly path: string;
}

export interface ShareLinks {
  /** Addresses by which others reach the page; none where the server is open to this machine only. */
  readonly bases: readonly string[];
  readonly shares: readonly ShareLink[];
}

/** The share links of the server beside the page. Each call rejects with a sentence. */
export class SharesClient {
  constructor(private readonly base: string) {}

  async list(signal: AbortSignal): Promise<ShareLinks> {
    return (await this.ask("api/shares", { signal })).json() as Promise<ShareLinks>;
  }

  async make(session: string, right: ShareLink["right"], hours: number): Promise<NewLink> {
    return (await this.post("api/shares", { session, right, hours })).json() as Promise<NewLink>;
  }

  async end(id: string): Promise<void> {
    await this.ask(`api/shares/${encodeURIComponent(id)}`, { method: "DELETE" });
  }

  /** Rows of 0 and 1. */
  async qr(text: string): Promise<readonly string[]> {
    const body = (await (await this.post("api/qr", { text })).json()) as { readonly rows: readonly string[] };
    return body.rows;
  }

  private post(path: string, body: object): Promise<Response> {
    const headers = { "content-type": "application/json" };
    return this.ask(path, { method: "POST", headers, body: JSON.stringify(body) });
  }

  private async ask(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(new URL(path, this.base), init).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new Error("The server can't be reached; it may have ended.");
    });
    if (response.ok) return response;
    const said = (await response.text()).trim();
    throw new Error(said.length > 0 && said.length < 200 ? said : `The server answered ${response.status}.`);
  }
}

const LOOPBACK = /^(localhost|127(\.\d+){3}|\[::1\])$/;

/**
 * Addresses to put a link on: where this page itself was reached, unless only this machine can, then the server's.
 * What others can open comes first.
 */
export function basesFor(page: string, bases: readonly string[]): string[] {
  const own = new URL(".", page);
  own.search = own.hash = "";
  const local = LOOPBACK.test(own.hostname);
  return [...new Set(local ? [...bases, own.href] : [own.href, ...bases])];
}

/** Whether an address leads others nowhere. */
export function onlyHere(base: string): boolean {
  return LOOPBACK.test(new URL(base).hostname);
}

/** What is in the way of those who get a link at this address, as a sentence; empty if nothing is. */
export function warningOn(base: string): string {
  if (onlyHere(base)) {
    return "This address leads to this machine only: elsewhere through a tunnel or a proxy, or after a start with --share.";
  }
  return base.startsWith("https:")
    ? ""
    : "This address is not https, and browsers elsewhere will not draw the page: start with --share, or behind a TLS proxy.";
}

/** The link's whole address, with what of the view and the moment is in the page's own. */
export function linkOf(base: string, path: string, search: string): string {
  const url = new URL(path, base);
  for (const [name, value] of new URLSearchParams(search)) {
    if (name !== "token" && !url.searchParams.has(name)) url.searchParams.set(name, value);
  }
  return url.href;
}
