import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, type Page, test } from "@playwright/test";
import { decodeMessage } from "../../../frontend/src/telemetry/decode";
import { Chamber } from "../../page";
import { HERE } from "../../pictures";
import { Server } from "../../server";

/** A model of 64 layers x 64 heads with a context of 8,192, tiny in all else: it must stay usable. */

const FRAME_BYTES = 96_000;
const BUFFER_BYTES = 128 * 2 ** 20;
/** Longer than the greatest matrix that the page holds exactly. */
const PROMPT = "the cat sat on a mat and ".repeat(98);

test.describe.configure({ timeout: 480_000 });
test.use({ viewport: { width: 1920, height: 1080 } });

/** What the page asks of WebGPU. */
function watchGpu(): void {
  const asked = { largestBuffer: 0, names: [] as string[] };
  Object.assign(window, { asked });
  const { createBuffer } = GPUDevice.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    asked.largestBuffer = Math.max(asked.largestBuffer, descriptor.size);
    return createBuffer.call(this, descriptor);
  };
  const { requestDevice } = GPUAdapter.prototype;
  GPUAdapter.prototype.requestDevice = function (descriptor = {}) {
    asked.names.push(...Object.keys(descriptor.requiredLimits ?? {}));
    return requestDevice.call(this, descriptor);
  };
}

/** Sizes of the stream's frames that bring all heads, as they come. */
function sizesOfFrames(page: Page): { readonly heads: number[]; readonly all: number[] } {
  const sizes = { heads: [] as number[], all: [] as number[] };
  page.on("websocket", (socket) => {
    socket.on("framereceived", ({ payload }) => {
      if (typeof payload === "string") return;
      const message = decodeMessage(new Uint8Array(payload));
      if (message.kind !== "frame") return;
      sizes.all.push(payload.length);
      if (message.state.some(({ kind }) => kind === "heads")) sizes.heads.push(payload.length);
    });
  });
  return sizes;
}

test("64 layers of 64 heads: frames and buffers keep to their bounds, every instrument works", async ({
  page,
}) => {
  const folder = mkdtempSync(join(tmpdir(), "chamber-"));
  const file = join(folder, "wide.gguf");
  const root = join(HERE, "..");
  execFileSync(join(root, ".venv/bin/python"), ["-m", "tests.tiny_models", "wide", file], { cwd: root });
  const server = await Server.start(file, "--ctx", "8192", "--no-autostart");
  try {
    await page.addInitScript(watchGpu);
    const sizes = sizesOfFrames(page);
    const failures: string[] = [];
    page.on("pageerror", ({ message }) => failures.push(message));
    const chamber = new Chamber(page);
    await chamber.idleGpu();
    await chamber.endlessRuns();
    await chamber.open(server.page({ preset: "everything" }));
    await chamber.ask(PROMPT);
    await expect.poll(() => chamber.tokens(), { timeout: 300_000 }).toBeGreaterThan(2);
    for (const focus of ["attention", "pulse", "entropy", "kv", "flow", "waterfall"]) {
      await page.goto(server.page({ focus, layer: "63", head: "63" }));
      const before = await chamber.tokens();
      await chamber.moreThan(Math.max(before, 2));
    }
    const { model, positions, selection } = await page.evaluate(() => {
      const state = window.chamber!.state();
      const { n_layer, n_head, n_ctx } = state.model!;
      const positions = state.tokens.at(-1)!.event.position;
      return { model: [n_layer, n_head, n_ctx], positions, selection: state.selection };
    });
    expect(model).toEqual([64, 64, 8192]);
    expect(positions).toBeGreaterThan(1024);
    expect([selection.layer, selection.head]).toEqual([63, 63]);
    expect(sizes.heads.length).toBeGreaterThan(5);
    expect(Math.max(...sizes.all)).toBeLessThan(FRAME_BYTES);
    const asked = await page.evaluate(
      () => (window as unknown as { asked: { largestBuffer: number; names: string[] } }).asked,
    );
    expect(asked.largestBuffer).toBeGreaterThan(2 ** 16);
    expect(asked.largestBuffer).toBeLessThanOrEqual(BUFFER_BYTES);
    expect(asked.names).toEqual([]);
    expect(failures).toEqual([]);
  } finally {
    await server.close();
    rmSync(folder, { recursive: true });
  }
});
