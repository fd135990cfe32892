import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, normalize } from "node:path";
import type { Page } from "@playwright/test";
import { HERE } from "./pictures";
import { test as base, Still } from "./still";

const ROOT = join(HERE, "..");

/** The recorded run as a kept session, each part a file of a folder. */
export class Session {
  private constructor(private readonly folder: string) {}

  /** `times` as long as the recording. */
  static make(times = 1): Session {
    const folder = mkdtempSync(join(tmpdir(), "cloudchamber-session-"));
    const script = join(ROOT, "frontend/test/make_archive.py");
    execFileSync(join(ROOT, ".venv/bin/python"), [script, folder, String(times)]);
    return new Session(folder);
  }

  /** The page gets the parts as from a server's store. */
  async serve(page: Page): Promise<void> {
    await page.route("**/api/sessions/recorded/parts/**", (route) => {
      const name = new URL(route.request().url()).pathname.split("/parts/")[1] ?? "";
      const path = join(this.folder, normalize(`/${name}`));
      return existsSync(path) ? route.fulfill({ path }) : route.fulfill({ status: 404 });
    });
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A page on the kept session, with a clock that stands still. */
export class Replay extends Still {
  constructor(
    page: Page,
    private readonly base: string,
    private readonly session: Session,
  ) {
    super(page, base);
  }

  async openSession(parameters: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.session.serve(this.page);
    const shown = new URLSearchParams({ session: "recorded", clock: "manual", at: "0", ...parameters });
    await this.page.goto(`${this.base}?${shown}`);
    await this.page.waitForFunction(() => window.chamber);
    await this.page.evaluate(() => window.chamber!.ready());
  }

  /** Stand at a time of the run. */
  async show(seconds: number): Promise<void> {
    await this.page.evaluate((at) => window.chamber!.showTime(at), seconds);
  }

  /** Play on, drawn `rate` times a second. */
  async play(seconds: number, rate: number): Promise<void> {
    await this.page.evaluate(([time, each]) => window.chamber!.playFor(time!, each), [seconds, rate]);
  }

  /** All answers are there and what the page itself moves has come to rest; the run stands where it is. */
  async rest(): Promise<void> {
    for (let i = 0; i < 3; i++) {
      await this.after(1);
      await this.page.evaluate(async () => window.chamber!.showNow());
    }
    await this.after(1);
  }
}

export const test = base.extend<{ replay: Replay }, { session: Session }>({
  session: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from it.
    async ({}, use) => {
      const session = Session.make();
      await use(session);
      session.remove();
    },
    { scope: "worker" },
  ],
  replay: async ({ page, server, session }, use) => use(new Replay(page, server.url, session)),
});

export { expect } from "@playwright/test";
