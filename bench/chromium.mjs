import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const here = dirname(fileURLToPath(import.meta.url));

/**
 * Device pixels for each of the page's, where what they show is left out: a software compositor takes time for each of
 * them, and with it the frames; the scripts' work is the same.
 */
export const COARSE = 0.5;

/** A Chromium with WebGPU: on the GPU there is, or in software. */
export function launch() {
  const executablePath =
    process.env.CHROMIUM ??
    execFileSync("python3", [join(here, "../build/browser.py")], { encoding: "utf8" }).trim();
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--enable-features=Vulkan",
      "--use-vulkan=swiftshader",
      "--use-angle=swiftshader",
    ],
  });
}

/**
 * Runs in the page before its own scripts: notes what it asks of WebGPU. `idleGpu` leaves the submitted work undone
 * where the renderer is software.
 */
export function watchGpu(idleGpu) {
  const asked = { largestBuffer: 0, names: [], software: false, frames: 0 };
  window.asked = asked;
  if (!window.GPUDevice) return;
  const createBuffer = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    asked.largestBuffer = Math.max(asked.largestBuffer, descriptor.size);
    return createBuffer.call(this, descriptor);
  };
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor = {}) {
    asked.names.push(...Object.keys(descriptor.requiredLimits ?? {}), ...(descriptor.requiredFeatures ?? []));
    asked.software = this.info.architecture === "swiftshader";
    if (idleGpu && asked.software) GPUQueue.prototype.submit = () => {};
    return requestDevice.call(this, descriptor);
  };
}

/**
 * Runs in the page before its own scripts, where the renderer is software: frames are drawn beside the canvas, so that
 * the browser has no new picture of it to put into the page. In software that takes one and a half cores at 960 × 540.
 */
export function leaveCanvas() {
  if (!window.GPUCanvasContext) return;
  const configure = GPUCanvasContext.prototype.configure;
  const beside = new WeakMap();
  GPUCanvasContext.prototype.configure = function ({ device, format, ...rest }) {
    configure.call(this, { device, format, ...rest });
    beside.set(this, { device, format, texture: null });
  };
  const current = GPUCanvasContext.prototype.getCurrentTexture;
  GPUCanvasContext.prototype.getCurrentTexture = function () {
    if (!window.asked?.software) return current.call(this);
    const held = beside.get(this);
    const { width, height } = this.canvas;
    if (held.texture?.width !== width || held.texture.height !== height) {
      const usage = GPUTextureUsage.RENDER_ATTACHMENT;
      held.texture = held.device.createTexture({ size: [width, height], format: held.format, usage });
    }
    return held.texture;
  };
}

/** Open the page on a model that runs nothing yet; what it is asked later has no template and no end. */
export async function openIdle(page, url) {
  const settings = { raw: true, values: { max_tokens: 0 } };
  await page.addInitScript(
    (text) => localStorage.setItem("cloud-chamber.settings", text),
    JSON.stringify(settings),
  );
  await page.goto(url);
  await page.waitForFunction(() => window.chamber?.metrics().frames > 0, null, { timeout: 60_000 });
}

/** Put `prompt` to the model, as a person does. */
export async function ask(page, prompt) {
  const box = page.getByRole("textbox", { name: "Prompt" });
  await box.fill(prompt, { timeout: 60_000 });
  await page.waitForFunction(() => !document.querySelector("button.send").disabled, null, {
    timeout: 60_000,
  });
  await box.press("Enter");
}

/** Wait until the run has made `count` tokens. */
export async function tokens(page, count, timeout = 600_000) {
  await page.waitForFunction((n) => window.chamber.snapshot().tokens >= n, count, { timeout, polling: 50 });
}
