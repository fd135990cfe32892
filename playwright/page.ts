import { expect, type Locator, type Page } from "@playwright/test";
import type { Snapshot } from "../frontend/src/app/automation";

/** The page as a person meets it: what it says of the run, and the controls. */
export class Chamber {
  readonly status: Locator;
  readonly answer: Locator;
  readonly prompt: Locator;

  constructor(readonly page: Page) {
    const mirror = page.getByRole("region", { name: "Inference, as text" });
    this.status = mirror.getByRole("status");
    this.answer = mirror.getByLabel("Answer");
    this.prompt = page.getByRole("textbox", { name: "Prompt" });
  }

  /** Open it, and wait until it has a model and can be told what to do. */
  async open(url: string): Promise<void> {
    await this.page.goto(url);
    await expect.poll(async () => (await this.snapshot()).model, { timeout: 60_000 }).not.toBe("");
    await expect(this.prompt).toBeEnabled();
  }

  /** Type a prompt and send it as a person does. */
  async ask(prompt: string): Promise<void> {
    await expect(this.button("SEND")).toBeEnabled({ timeout: 60_000 });
    await this.prompt.fill(prompt);
    await this.prompt.press("Enter");
    await expect.poll(async () => (await this.snapshot()).runId, { timeout: 60_000 }).not.toBe("");
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
