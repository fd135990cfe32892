import { backoff } from "./backoff";
import { decodeMessage } from "./decode";
import type { Message } from "./protocol.gen";
import { CLOSE_UNAUTHORISED, REFUSED } from "./refused";

/** Who wants to know how a kept session's server fares. */
export interface Watcher {
  /** What the page may do, and how many look at the session. */
  told(message: Message): void;
  /** The server lets this page in no more: why, as a title and a sentence. */
  cut(title: string, sentence: string): void;
  /** The server was away, and is back. */
  back(): void;
}

/** A connection for as long as a kept session is looked at: the parts are fetched without it. */
export class SessionWatch {
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private attempt = 0;

  constructor(
    private readonly url: string,
    private readonly watcher: Watcher,
    private readonly random: () => number = Math.random,
  ) {
    this.connect();
  }

  close(): void {
    clearTimeout(this.timer);
    const { socket } = this;
    this.socket = null;
    if (!socket) return;
    socket.onmessage = socket.onclose = null;
    socket.close();
  }

  private connect(): void {
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => {
      if (this.attempt > 0) this.watcher.back();
      this.attempt = 0;
      this.watcher.told(decodeMessage(data as ArrayBuffer));
    };
    socket.onclose = ({ code, reason }) => this.lost(code, reason);
    this.socket = socket;
  }

  private lost(code: number, reason: string): void {
    this.socket = null;
    const title = REFUSED[code];
    // Without a key there are no parts either: whoever asks for one hears of it, and one may come.
    if (title && code !== CLOSE_UNAUTHORISED) {
      this.watcher.cut(title, reason);
      return;
    }
    this.timer = setTimeout(() => this.connect(), backoff(this.attempt++, this.random) * 1000);
  }
}
