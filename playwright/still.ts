import { join } from "node:path";
import { test as base, type Page } from "@playwright/test";
import { HERE } from "./pictures";
import { Server } from "./server";

/** SmolLM2 answering a prompt; made by `make record`. */
export const RECORDING = join(HERE, "fixtures/smollm2.chamber");

/** A tiny mixture of experts with random weights; made by `make record` too. */
export const EXPERTS_RECORDING = join(HERE, "fixtures/experts.chamber");

/** Seconds after which light, bars and brackets have come to rest. */
const REST = 2;

export interface StillOptions {
  readonly view?: "nebula" | "hud" | "both";
  /** Which instruments; the monitor without a word. */
  readonly preset?: "monitor" | "attention" | "memory" | "everything";
  /** The instrument that fills the screen. */
  readonly focus?: string;
  /** A head whose attention the recording holds. */
  readonly head?: readonly [layer: number, head: number];
  /** A recorded run; SmolLM2's without a word. */
  readonly recording?: string;
}

/** The recorded run has the attention of this one. */
export const HEAD = [23, 5] as const;

/**
 * Chromium blurs a filter in the compositor while its element has a layer of its own, as the dock has while it fades
 * in, and in the raster once it has none, a few levels apart. In a picture it has one, however long ago it faded; for
 * people it has none, for a layer costs a part of every frame.
 */
function glowInItsOwnLayer(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(".dock::before { will-change: filter }");
  document.adoptedStyleSheets.push(sheet);
}

/** The page on a recorded run and a clock that stands still: any frame, drawn again exactly. */
export class Still {
  constructor(
    readonly page: Page,
    private readonly url: string,
  ) {}

  /** The page's address with these words in it. */
  address(words: Readonly<Record<string, string>>): string {
    const url = new URL(this.url);
    for (const [name, value] of Object.entries(words)) url.searchParams.set(name, value);
    return url.href;
  }

  async open({
    view = "both",
    preset = "monitor",
    focus,
    head,
    recording = RECORDING,
  }: StillOptions = {}): Promise<void> {
    await this.page.route("**/recorded-run", (route) => route.fulfill({ path: recording }));
    const shown = new URLSearchParams({ clock: "manual", recording: "recorded-run", view, preset });
    if (focus) shown.set("focus", focus);
    if (head) shown.set("layer", String(head[0]));
    if (head) shown.set("head", String(head[1]));
    await this.begin(`${this.url}?${shown}`);
  }

  /** Open an address of a page that was opened before. */
  async begin(address: string): Promise<void> {
    await this.page.goto(address);
    await this.page.evaluate(glowInItsOwnLayer);
    await this.page.waitForFunction(() => window.chamber);
    // The first frames of the recording name the model; without them nothing is ever ready.
    await this.page.evaluate(() => window.chamber!.seek(0));
    await this.page.evaluate(() => window.chamber!.ready());
  }

  /** Feed the run up to a step and let everything come to rest. */
  async at(step: number): Promise<void> {
    await this.feed(step);
    await this.settle();
  }

  /** Feed the run up to a step and draw nothing. */
  async feed(step: number): Promise<void> {
    await this.page.evaluate((n) => window.chamber!.seek(n), step);
  }

  /** Feed all of the run and let everything come to rest. */
  async finish(): Promise<void> {
    await this.page.evaluate(() => window.chamber!.finish());
    await this.settle();
  }

  /** An instrument asks as it is drawn; answers come with the frame after, eight at a time. */
  private async settle(): Promise<void> {
    for (const seconds of [0, 0, REST]) await this.after(seconds);
  }

  /** Show the vocabulary in one of the recording's two layouts. */
  async positions(method: "pca" | "umap"): Promise<void> {
    await this.page.evaluate(async (wanted) => {
      const state = window.chamber!.state();
      state.positions = { ...state.positions!, method: wanted };
      await window.chamber!.ready();
    }, method);
  }

  /** Draw, and wait for a file of code that is asked for when it is first drawn with. */
  async fetched(name: string): Promise<void> {
    await this.after(0);
    await this.page.waitForFunction(
      (file) => performance.getEntriesByType("resource").some((entry) => entry.name.includes(file)),
      name,
    );
  }

  /** Move the clock on and draw. */
  async after(seconds: number): Promise<void> {
    await this.page.evaluate(async (s) => {
      const chamber = window.chamber!;
      chamber.setTime(chamber.now() + s);
      await chamber.render();
    }, seconds);
  }

  /** The picture as it stands, in device pixels. Nothing on the page moves by itself. */
  async picture(): Promise<Buffer> {
    return this.page.screenshot({ animations: "disabled", caret: "hide", scale: "device" });
  }
}

/** `test` with a server whose page replays, shared by all tests of a worker. */
export const test = base.extend<{ still: Still }, { server: Server }>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a fixture needs from it.
    async ({}, use) => {
      const server = await Server.start("--replay", RECORDING);
      await use(server);
      await server.close();
    },
    { scope: "worker" },
  ],
  still: async ({ page, server }, use) => use(new Still(page, server.url)),
});

export { expect } from "@playwright/test";
export { STEPS } from "./steps";
