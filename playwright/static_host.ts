import { createReadStream, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".woff2": "font/woff2",
  ".gz": "application/gzip",
};

/** Any static host: files of a folder under a path, and nothing else. */
export class StaticHost {
  /** Paths that were asked for and are not there. */
  readonly missed: string[] = [];
  readonly served: string[] = [];

  private constructor(
    private readonly server: Server,
    private readonly path: string,
  ) {}

  static async start(folder: string, path: string): Promise<StaticHost> {
    const server = createServer((request, response) => {
      const asked = decodeURIComponent(new URL(request.url ?? "/", "http://host").pathname);
      const file = asked.startsWith(path)
        ? join(folder, normalize(asked.slice(path.length) || "index.html"))
        : "";
      if (!file.startsWith(folder) || !isFile(file)) {
        if (asked !== "/favicon.ico") host.missed.push(asked);
        response.writeHead(404).end();
        return;
      }
      host.served.push(asked);
      response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
      createReadStream(file).pipe(response);
    });
    const host = new StaticHost(server, path);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    return host;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}${this.path}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((done) => this.server.close(done));
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
