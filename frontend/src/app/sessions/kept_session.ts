import { RUN_NAMES } from "../../state/url_state";
import { away } from "../../telemetry/archive";

/** A kept session in brief, as `GET api/sessions` lists it. */
export interface KeptSession {
  readonly id: string;
  readonly title: string;
  readonly model: string;
  /** Seconds since 1970. */
  readonly created: number;
  readonly seconds: number;
  readonly steps: number;
  readonly bytes: number;
  readonly complete: boolean;
  /** Recorded just now. */
  readonly running: boolean;
  readonly pinned: boolean;
  /** The next to go when room is needed. */
  readonly goes_next: boolean;
}

export interface KeptSessions {
  /** Newest first. */
  readonly sessions: readonly KeptSession[];
  /** Bytes on disk, and how many there may be. */
  readonly used: number;
  readonly limit: number;
  /** Runs of this server are added. */
  readonly recording: boolean;
  /** They can be named anew, pinned and deleted: they are not a file that is shown as it is. */
  readonly changeable: boolean;
}

/** The sessions of the server beside the page. Each call rejects with a sentence. */
export class SessionsClient {
  constructor(private readonly base: string) {}

  async list(signal: AbortSignal): Promise<KeptSessions> {
    return (await this.ask("api/sessions", { signal })).json() as Promise<KeptSessions>;
  }

  async change(id: string, what: { title: string } | { pinned: boolean }): Promise<void> {
    const headers = { "content-type": "application/json" };
    await this.ask(pathOf(id), { method: "POST", headers, body: JSON.stringify(what) });
  }

  async remove(id: string): Promise<void> {
    await this.ask(pathOf(id), { method: "DELETE" });
  }

  private async ask(path: string, init: RequestInit): Promise<Response> {
    const response = await fetch(new URL(path, this.base), init).catch(away);
    if (response.ok) return response;
    const said = (await response.text()).trim();
    throw new Error(said.length > 0 && said.length < 200 ? said : `The server answered ${response.status}.`);
  }
}

function pathOf(id: string): string {
  return `api/sessions/${encodeURIComponent(id)}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Bytes as `--keep-size` and `cloudchamber sessions` have them, a thousand to a kB: `38.7 MB`. */
export function size(bytes: number): string {
  const unit = bytes < 1000 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1000 ** unit).toFixed(unit && 1)} ${UNITS[unit]}`;
}

/** The page's address with another session in it, null being live; the way it is looked at stays. */
export function addressOf(search: string, id: string | null): string {
  const parameters = new URLSearchParams(search);
  for (const name of RUN_NAMES) parameters.delete(name);
  if (id !== null) parameters.set("session", id);
  const text = parameters.toString();
  return text === "" ? "./" : `?${text}`;
}

/** What there is to say of the room that sessions take. */
export function roomSaid({ sessions, used, limit, recording }: KeptSessions): string {
  if (!recording) {
    const kept = sessions.length === 0 ? "Nothing is kept" : `${size(used)} are kept, and nothing is added`;
    return `${kept}: the server was started without recording, or to show a file.`;
  }
  if (sessions.length === 0) return "Nothing is kept yet: every run is, as it streams.";
  return `${size(used)} of ${size(limit)}. When that is full, the oldest that is not pinned goes first.`;
}

/** "3 days ago", or the date where that says more. */
export function ago(created: number, now: number): string {
  const seconds = Math.max(0, now - created);
  if (seconds < 90) return "just now";
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} minutes ago`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} hours ago`;
  if (seconds < 14 * 86_400) return `${Math.round(seconds / 86_400)} days ago`;
  return new Date(created * 1000).toISOString().slice(0, 10);
}
