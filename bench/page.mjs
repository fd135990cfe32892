// `node bench/page.mjs URL SECONDS WIDTH HEIGHT`: open the page in a real Chromium and print, as
// JSON, what its scripts and its GPU buffers cost. Measured from outside the page, by wrapping
// what it calls; only the latency, which needs the server's clock, is the page's own figure.
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const [url, seconds, width, height] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const executablePath =
  process.env.CHROMIUM ??
  execFileSync("python3", [join(here, "../build/browser.py")], { encoding: "utf8" }).trim();

/** Runs in the page before its own scripts. */
function watch() {
  const cost = { script: [], largestBuffer: 0, asked: [], tokens: 0 };
  window.cost = cost;
  let sinceFrame = 0;
  const timed = (work) => {
    const begin = performance.now();
    work();
    return performance.now() - begin;
  };

  const requestFrame = window.requestAnimationFrame.bind(window);
  window.requestAnimationFrame = (callback) =>
    requestFrame((time) => {
      cost.script.push(sinceFrame + timed(() => callback(time)));
      sinceFrame = 0;
    });

  const timedListener = (listener) => (event) => {
    sinceFrame += timed(() => listener(event));
  };
  const addListener = WebSocket.prototype.addEventListener;
  WebSocket.prototype.addEventListener = function (kind, listener, options) {
    const wrapped = kind === "message" && typeof listener === "function" ? timedListener(listener) : listener;
    return addListener.call(this, kind, wrapped, options);
  };
  const onmessage = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    ...onmessage,
    set(listener) {
      onmessage.set.call(this, listener && timedListener(listener));
    },
  });

  if (!window.GPUDevice) return;
  const createBuffer = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    cost.largestBuffer = Math.max(cost.largestBuffer, descriptor.size);
    return createBuffer.call(this, descriptor);
  };
  const requestDevice = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function (descriptor = {}) {
    cost.asked.push(...Object.keys(descriptor.requiredLimits ?? {}), ...(descriptor.requiredFeatures ?? []));
    return requestDevice.call(this, descriptor);
  };
}

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--enable-unsafe-webgpu",
    "--enable-features=Vulkan",
    "--use-vulkan=swiftshader",
    "--use-angle=swiftshader",
  ],
});
try {
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
  await page.addInitScript(watch);
  const begin = Date.now();
  await page.goto(url);
  await page.waitForFunction(() => window.chamber?.metrics().frames > 0, null, { timeout: 60_000 });
  const firstFrame = Date.now() - begin;
  await page.waitForFunction(() => window.chamber.snapshot().tokens >= 3, null, { timeout: 120_000 });
  await page.evaluate(() => {
    window.cost.script.length = 0;
    window.chamber.resetMetrics();
  });
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.startSampling", {
    samplingInterval: 1024,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  const tokens = await page.evaluate(() => window.chamber.snapshot().tokens);
  await page.waitForTimeout(Number(seconds) * 1000);
  const { profile } = await session.send("HeapProfiler.stopSampling");
  const measured = await page.evaluate(() => ({
    script: window.cost.script,
    largestBuffer: window.cost.largestBuffer,
    asked: window.cost.asked,
    latency: window.chamber.metrics().latency,
    inPage: window.chamber.metrics().inPage,
    particles: window.chamber.snapshot().vocabularySize,
    tokens: window.chamber.snapshot().tokens,
  }));
  const allocated = profile.samples.reduce((sum, sample) => sum + sample.size, 0);
  const result = { ...measured, tokens: measured.tokens - tokens, firstFrame, allocated };
  process.stdout.write(JSON.stringify(result));
} finally {
  await browser.close();
}
