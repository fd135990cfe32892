import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type IncomingMessage, get as plainGet } from "node:http";
import { get as secureGet } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HERE } from "./pictures";

const ROOT = join(HERE, "..");
const BIN = join(ROOT, ".venv/bin");
/** Milliseconds: a machine on which nothing has run yet compiles the taps first. */
const START_WITHIN = 120_000;

/** The owner's key of every server started here. */
export const KEY = "the-key-of-a-test-server";

/** A real `cloudchamber serve` on loopback, for one test. */
export class Server {
  private process: ChildProcess | null = null;
  private said = "";
  /** What it keeps of runs is the test's own, not the person's. */
  private readonly data = mkdtempSync(join(tmpdir(), "cloudchamber-"));

  private constructor(
    readonly port: number,
    private readonly words: readonly string[],
  ) {}

  /** Start one on a port that is free, and wait until its page can be used. */
  static async start(...words: string[]): Promise<Server> {
    const server = new Server(await freePort(), words);
    await server.start();
    return server;
  }

  get url(): string {
    const { words } = this;
    const host = words.includes("--host") ? words[words.indexOf("--host") + 1] : "127.0.0.1";
    return `${words.includes("--share") ? "https" : "http"}://${host}:${this.port}/`;
  }

  /** The page's address as its owner opens it. */
  page(query: Record<string, string> = {}): string {
    return `${this.url}?${new URLSearchParams({ token: KEY, ...query })}`;
  }

  /** Start (again) on the same port. */
  async start(): Promise<void> {
    const words = ["serve", "--no-browser", "--port", String(this.port), ...this.words];
    const env = { ...process.env, CLOUDCHAMBER_DATA: this.data, CLOUDCHAMBER_SECRET: KEY };
    const child = spawn(join(BIN, "cloudchamber"), words, {
      stdio: ["ignore", "pipe", "pipe"],
      cwd: ROOT,
      env,
    });
    child.stdout.on("data", (text) => this.hear(text));
    child.stderr.on("data", (text) => this.hear(text));
    this.process = child;
    const until = Date.now() + START_WITHIN;
    while (!(await this.healthy())) {
      if (child.exitCode !== null) throw new Error(`the server ended: ${this.said}`);
      if (Date.now() > until) throw new Error(`the server is not ready: ${this.said}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** End it, and forget what it kept. */
  async close(): Promise<void> {
    await this.stop();
    rmSync(this.data, { recursive: true, force: true });
  }

  /** End it as a power cut would, or in good order; it can start again. Resolves when it is gone. */
  async stop(signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
    const child = this.process;
    this.process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await gone;
  }

  /** Kill the process that runs the model, as an abort inside llama.cpp would. */
  killWorker(): void {
    const pid = this.process?.pid;
    if (!pid) throw new Error("the server does not run");
    const script = `
import psutil, sys
workers = [p for p in psutil.Process(${pid}).children(recursive=True) if "cloudchamber.inference.worker" in p.cmdline()]
assert workers, "there is no worker"
for worker in workers:
    worker.kill()
`;
    execFileSync(join(BIN, "python"), ["-c", script]);
  }

  private hear(text: Buffer): void {
    this.said = (this.said + text.toString()).slice(-4000);
  }

  private async healthy(): Promise<boolean> {
    try {
      const { statusCode } = await answerOf(`${this.url}healthz`);
      return statusCode === 200;
    } catch {
      return false;
    }
  }
}

/** Of a server whose certificate nobody has signed, too. */
function answerOf(url: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const get = url.startsWith("https:") ? secureGet : plainGet;
    const request = get(url, { rejectUnauthorized: false }, (answer) => {
      answer.resume();
      resolve(answer);
    });
    request.once("error", reject);
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      const port = typeof address === "object" && address ? address.port : 0;
      probe.close(() => resolve(port));
    });
  });
}
