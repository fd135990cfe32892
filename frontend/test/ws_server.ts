import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { decodeValue } from "../src/telemetry/decode";

const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** One connection of the test server. */
export interface Peer {
  /** Commands received so far, decoded. */
  readonly heard: Record<string, unknown>[];
  send(message: Uint8Array): void;
  close(code: number, reason?: string): void;
  /** Cut the line without a word. */
  cut(): void;
}

/** A WebSocket server of RFC 6455's bare bones, on a real socket: what a test tells it, it does. */
export class TestServer {
  readonly peers: Peer[] = [];
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private waiting: (() => void)[] = [];

  private constructor() {
    this.server = createServer();
    this.server.on("upgrade", (request, socket: Socket) => {
      const accept = createHash("sha1")
        .update(`${request.headers["sec-websocket-key"]}${GUID}`)
        .digest("base64");
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
      );
      this.adopt(socket);
    });
  }

  static async start(port = 0): Promise<TestServer> {
    const made = new TestServer();
    await new Promise<void>((done) => made.server.listen(port, "127.0.0.1", done));
    return made;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/stream`;
  }

  /** Resolves when `condition` holds; looked at whenever something arrives. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((wake) => this.waiting.push(wake));
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((done) => this.server.close(() => done()));
  }

  private adopt(socket: Socket): void {
    this.sockets.add(socket);
    const peer: Peer = {
      heard: [],
      send: (message) => void socket.write(frameOf(2, message)),
      close: (code, reason = "") => {
        const text = new TextEncoder().encode(reason);
        socket.write(frameOf(8, Uint8Array.from([code >> 8, code & 255, ...text])));
        socket.end();
      },
      cut: () => socket.destroy(),
    };
    let buffer = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      buffer = Buffer.concat([buffer, chunk]);
      for (let frame = readFrame(buffer); frame; frame = readFrame(buffer)) {
        buffer = buffer.subarray(frame.length);
        if (frame.opcode === 2) peer.heard.push(decodeValue(frame.payload) as Record<string, unknown>);
      }
      this.wake();
    });
    socket.on("error", () => {});
    socket.on("close", () => this.sockets.delete(socket));
    this.peers.push(peer);
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }
}

function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const head = length < 126 ? [0x80 | opcode, length] : [0x80 | opcode, 126, length >> 8, length & 255];
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The first whole frame of a client, unmasked; null when it is not all there. */
function readFrame(buffer: Buffer): { opcode: number; payload: Uint8Array; length: number } | null {
  if (buffer.length < 6) return null;
  const short = buffer[1]! & 127;
  const start = short === 126 ? 4 : 2;
  const size = short === 126 ? buffer.readUInt16BE(2) : short;
  const length = start + 4 + size;
  if (buffer.length < length) return null;
  const mask = buffer.subarray(start, start + 4);
  const payload = Uint8Array.from(buffer.subarray(start + 4, length), (byte, i) => byte ^ mask[i % 4]!);
  return { opcode: buffer[0]! & 15, payload, length };
}
