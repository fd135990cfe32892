import { type Clock, systemClock } from "../app/clock";
import type { Connection } from "../state/state";
import { backoff } from "./backoff";
import { DecodeError, decodeMessage } from "./decode";
import { encodeCommand } from "./encode";
import { type Command, type Frame, type Message, type Part, PROTOCOL, type Want } from "./protocol.gen";
import { CLOSE_UNAUTHORISED, REFUSED } from "./refused";
import { SequenceTracker } from "./sequence";
import type { FrameSource } from "./source";

/** Silence after which the server is asked whether it lives, and after which it is given up, in seconds. */
export const PING_AFTER = 5;
export const DEAD_AFTER = 12;

/** Seconds between samples of the server's clock: a few soon, so that one of them is quick. */
const CLOCK_EVERY = 10;
const CLOCK_SOON = 0.9;
const CLOCK_SAMPLES = 8;

/** The server's own close code for a protocol it does not speak. */
const CLOSE_PROTOCOL = 4000;

/** Seconds. */
const REFUSED_WAIT = 10;

export interface SocketOptions {
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly parts?: readonly Part[];
}

/** `path` beside the page, so that it also works under a path prefix and over https. */
export function socketUrl(path: string, page: string): string {
  const url = new URL(path, page);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.search = "";
  url.hash = "";
  return url.href;
}

/**
 * Frames over a WebSocket. Reconnects with back-off and resumes by event number: a break is
 * seen only as a pause. What is sent while there is no connection is dropped, but for the
 * newest `want`, which is said again each time.
 */
export class SocketSource implements FrameSource {
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly sequence = new SequenceTracker();
  private sink: (message: Message) => void = () => {};
  private status: (connection: Connection) => void = () => {};
  private socket: WebSocket | null = null;
  private want: Want;
  private attempt = 0;
  private trouble = "";
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private watchTimer: ReturnType<typeof setInterval> | undefined;
  private lastHeard = 0;
  private lastPing = 0;
  private welcomed = false;
  private closed = false;
  private bestRoundTrip = Number.POSITIVE_INFINITY;
  private clockSamples = 0;
  /** Server's clock minus this page's, in seconds; `NaN` until measured. */
  clockOffset = Number.NaN;
  /** Encoded bytes received. */
  bytes = 0;

  constructor(
    readonly url: string,
    options: SocketOptions = {},
  ) {
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? Math.random;
    this.want = { kind: "want", parts: options.parts ?? [], attention: [] };
  }

  start(sink: (message: Message) => void, status: (connection: Connection) => void): void {
    this.sink = sink;
    this.status = status;
    this.watchTimer = setInterval(() => this.watch(), 1000);
    this.connect();
  }

  send(command: Command): void {
    if (command.kind === "want") this.want = command;
    if (this.welcomed) this.write(command);
  }

  retryNow(): void {
    if (this.closed || this.socket) return;
    clearTimeout(this.retryTimer);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retryTimer);
    clearInterval(this.watchTimer);
    this.drop();
  }

  private connect(): void {
    // While it is tried again, what went wrong stays said.
    const first = this.attempt === 0;
    const message = first ? "Connecting to the server." : this.trouble;
    this.status({ phase: "connecting", retryAt: first ? 0 : this.clock.now(), message });
    const socket = new WebSocket(this.url);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.welcomed = false;
    this.lastHeard = this.clock.now();
    socket.onopen = () => {
      const { session, last } = this.sequence;
      this.write({ kind: "hello", protocol: PROTOCOL, session, seq: last, parts: this.want.parts });
    };
    socket.onmessage = (event) => this.receive(event.data as ArrayBuffer | string);
    socket.onclose = (event) => this.lost(event.code, event.reason);
    // A connection that never came about is an error first, and for some not even a close after it.
    socket.onerror = () => this.lost(1006, "");
  }

  private write(command: Command): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(encodeCommand(command));
  }

  private receive(data: ArrayBuffer | string): void {
    this.lastHeard = this.clock.now();
    if (typeof data === "string") return;
    this.bytes += data.byteLength;
    let message: Message;
    try {
      message = decodeMessage(data);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.retry(`The server sent something this page can't read. ${error.message}`);
      return;
    }
    this.handle(message);
  }

  private handle(message: Message): void {
    switch (message.kind) {
      case "welcome":
        if (message.protocol !== PROTOCOL) {
          this.mismatch();
          return;
        }
        this.attempt = 0;
        this.welcomed = true;
        if (!message.resumed) this.sequence.begin(message.session);
        this.write(this.want);
        this.ping();
        this.status({ phase: "open", retryAt: 0, message: "" });
        this.sink(message);
        return;
      case "frame":
        this.frame(message);
        return;
      case "pong":
        this.pong(message.time, message.server_time);
        return;
      default:
        this.sink(message);
    }
  }

  private frame(message: Frame): void {
    const frame = this.sequence.accept(message);
    if (frame) this.sink(frame);
    else this.retry("Some events were lost on the way; asking for them again.");
  }

  private ping(): void {
    this.lastPing = this.clock.now();
    this.write({ kind: "ping", time: this.lastPing });
  }

  private pong(sent: number, server: number): void {
    const now = this.clock.now();
    const roundTrip = now - sent;
    this.clockSamples++;
    // The quickest answer of a connection bounds the error best.
    if (roundTrip <= this.bestRoundTrip) {
      this.bestRoundTrip = roundTrip;
      this.clockOffset = server - (sent + now) / 2;
    }
  }

  /** A cable can be pulled without a close: silence is how it shows. */
  private watch(): void {
    if (!this.socket) return;
    const now = this.clock.now();
    const silence = now - this.lastHeard;
    if (silence > DEAD_AFTER && (!this.welcomed || now - this.lastPing < DEAD_AFTER)) {
      this.retry("The server has gone silent.");
    } else if (this.welcomed && now - this.lastPing > this.pingPeriod(silence)) {
      this.ping();
    }
  }

  private pingPeriod(silence: number): number {
    if (this.clockSamples < CLOCK_SAMPLES) return CLOCK_SOON;
    return silence > PING_AFTER ? PING_AFTER : CLOCK_EVERY;
  }

  private lost(code: number, reason: string): void {
    const refused = REFUSED[code];
    if (code === CLOSE_PROTOCOL) this.mismatch();
    else if (refused) this.refused(refused, reason, code === CLOSE_UNAUTHORISED);
    else this.retry(reason || "The connection to the server was lost.");
  }

  private mismatch(): void {
    this.close();
    const message = "The server is of another version than this page. Reload the page to get the newer one.";
    this.status({ phase: "closed", retryAt: 0, message });
  }

  /** Not let in. With another page's sign-in the key may come, so that is looked at now and then. */
  private refused(title: string, message: string, mayChange: boolean): void {
    if (mayChange) this.drop();
    else this.close();
    if (this.closed && mayChange) return;
    const retryAt = mayChange ? this.clock.now() + REFUSED_WAIT : 0;
    this.trouble = message;
    this.attempt = Math.max(1, this.attempt);
    this.status({ phase: mayChange ? "waiting" : "closed", retryAt, message, refused: title });
    if (mayChange) this.retryTimer = setTimeout(() => this.connect(), REFUSED_WAIT * 1000);
  }

  private retry(message: string): void {
    this.drop();
    if (this.closed) return;
    this.trouble = message;
    const wait = backoff(this.attempt++, this.random);
    this.status({ phase: "waiting", retryAt: this.clock.now() + wait, message });
    this.retryTimer = setTimeout(() => this.connect(), wait * 1000);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    this.welcomed = false;
    this.bestRoundTrip = Number.POSITIVE_INFINITY;
    this.clockSamples = 0;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
  }
}
