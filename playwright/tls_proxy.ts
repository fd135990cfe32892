import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { createServer, type Server } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HERE } from "./pictures";

const PYTHON = join(HERE, "../.venv/bin/python");
const MAKE = `
import sys
from pathlib import Path
from cloudchamber.server.certificates import make
make(Path("proxy.pem"), Path("proxy.key"), sys.argv[1:])
`;

/** What a TLS proxy in front of a server does: ends the encryption, shows the server under a path, says who asked. */
export class TlsProxy {
  /** Paths it was asked for. */
  readonly asked: string[] = [];
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly to: number,
    private readonly prefix: string,
  ) {}

  /** In front of the server at `to`, under `prefix`, with a certificate for `name`. */
  static async start(to: number, prefix: string, name: string): Promise<TlsProxy> {
    const folder = mkdtempSync(join(tmpdir(), "chamber-proxy-"));
    execFileSync(PYTHON, ["-c", MAKE, name], { cwd: folder });
    const [cert, key] = ["proxy.pem", "proxy.key"].map((file) => readFileSync(join(folder, file)));
    rmSync(folder, { recursive: true });
    const proxy = new TlsProxy(createServer({ cert: cert!, key: key! }), to, prefix);
    proxy.listen();
    await new Promise<void>((done) => proxy.server.listen(0, "127.0.0.1", done));
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }

  private listen(): void {
    this.server.on("request", (asked, answer) => {
      const path = this.behind(asked.url ?? "/");
      if (path === null) {
        answer.writeHead(404).end();
        return;
      }
      const headers = { ...asked.headers, ...said(asked.socket) };
      const passed = request({ host: "127.0.0.1", port: this.to, method: asked.method!, path, headers });
      passed.on("response", (came) => {
        answer.writeHead(came.statusCode ?? 502, came.headers);
        came.pipe(answer);
      });
      passed.on("error", () => answer.destroy());
      asked.pipe(passed);
    });
    this.server.on("upgrade", (asked, socket: Socket, head: Buffer) => {
      const path = this.behind(asked.url ?? "/");
      if (path === null) {
        socket.destroy();
        return;
      }
      const passed = connect(this.to, "127.0.0.1", () => {
        const headers = Object.entries<string | string[] | undefined>({ ...asked.headers, ...said(socket) });
        const lines = headers.map(([name, value]) => `${name}: ${String(value)}\r\n`);
        passed.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
        passed.write(head);
        passed.pipe(socket).pipe(passed);
      });
      for (const [one, other] of [
        [socket, passed],
        [passed, socket],
      ] as const) {
        this.sockets.add(one);
        one.on("error", () => other.destroy());
        one.on("close", () => other.destroy());
      }
    });
  }

  /** The server's own path; null for one that is not under the prefix. */
  private behind(url: string): string | null {
    this.asked.push(url);
    return url.startsWith(`${this.prefix}/`) ? url.slice(this.prefix.length) : null;
  }
}

function said(socket: Socket): IncomingHttpHeaders {
  return { "x-forwarded-for": socket.remoteAddress ?? "", "x-forwarded-proto": "https" };
}
