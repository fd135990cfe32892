import { expect, type Locator, type Page } from "@playwright/test";
import type { Snapshot } from "../frontend/src/app/automation";

/** To this the model finds no end, if it always takes the most probable token. */
export const ENDLESS = "Write a long story about a lighthouse keeper who finds a door under the sea.";

/** Nothing is left to chance, and no number of tokens is enough. */
const SETTINGS = { values: { temperature: 0, max_tokens: 0 } };

/** The page as a person meets it: what it says of the run, and the controls. */
export class Chamber {
  readonly status: Locator;
  readonly answer: Locator;
  readonly prompt: Locator;
  readonly canvas: Locator;

  constructor(readonly page: Page) {
    const mirror = page.getByRole("region", { name: "Inference, as text" });
    this.status = mirror.getByRole("status");
    this.answer = mirror.getByLabel("Answer");
    this.prompt = page.getByRole("textbox", { name: "Prompt" });
    this.canvas = page.locator("canvas.stage");
  }

  /**
   * Let the page, before it is opened, remember settings of an earlier visit with which a run goes on until it is
   * stopped: how fast the model is, and how slow the picture, must not matter.
   */
  async endlessRuns(): Promise<void> {
    await this.page.addInitScript((settings) => {
      localStorage.setItem("cloud-chamber.settings", settings);
    }, JSON.stringify(SETTINGS));
  }

  /**
   * Let the page, before it is opened, ask for its drawing and leave it undone: where pictures do not matter,
   * a software renderer is not to take the time of those who are waited for.
   */
  async idleGpu(): Promise<void> {
    await this.page.addInitScript(() => {
      GPUQueue.prototype.submit = () => {};
    });
  }

  /** Open it, and wait until it has a model and can be told what to do. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await expect.poll(async () => (await this.snapshot()).model, { timeout: 60_000 }).not.toBe("");
    await expect(this.prompt).toBeEnabled();
  }

  /** Type a prompt and send it as a person does. Its run is on show then: not the one before. */
  async ask(prompt: string): Promise<void> {
    await expect(this.button("SEND")).toBeEnabled({ timeout: 60_000 });
    const before = (await this.snapshot()).runId;
    await this.prompt.fill(prompt);
    await this.prompt.press("Enter");
    const isNew = async () => !["", before].includes((await this.snapshot()).runId);
    await expect.poll(isNew, { message: "a new run", timeout: 60_000 }).toBe(true);
  }

  button(name: string): Locator {
    return this.page.getByRole("button", { name, exact: true });
  }

  async snapshot(): Promise<Snapshot> {
    await this.page.waitForFunction(() => window.chamber);
    return this.page.evaluate(() => window.chamber!.snapshot());
  }

  /** Tokens of the run on show so far, as the page counts them. */
  async tokens(): Promise<number> {
    return (await this.snapshot()).tokens;
  }

  /** Wait until the run on show has made more tokens than `count`. */
  async moreThan(count: number): Promise<void> {
    await expect.poll(() => this.tokens(), { timeout: 90_000 }).toBeGreaterThan(count);
  }

  async metric(name: "frames" | "rebuilds"): Promise<number> {
    return this.page.evaluate((key) => window.chamber!.metrics()[key], name);
  }
}

/** Presses buttons of these words one after the other, before the page does anything else. */
export async function pressAtOnce(dialog: Locator, ...words: string[]): Promise<void> {
  await dialog.evaluate((element, words) => {
    const buttons = [...element.querySelectorAll("button")];
    for (const each of words) buttons.find((button) => button.textContent === each)!.click();
  }, words);
}
