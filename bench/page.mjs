// `node bench/page.mjs URL WARM SECONDS WIDTH HEIGHT [idle-gpu [PROMPT]]`: open the page in a real Chromium,
// give it WARM seconds to compile its scripts, and print, as JSON, what its scripts and its GPU buffers cost while a run goes on, that of PROMPT if
// there is one. Measured from outside the page, by Chromium's own trace; only the latency, which needs
// the server's clock, is the page's figure.
//
// `idle-gpu` leaves the submitted GPU work undone where the renderer is software: that would take
// both the time and the cores of everything else.
import { ask, COARSE, launch, openIdle, tokens, watchGpu } from "./chromium.mjs";

const [url, warm, seconds, width, height, mode, prompt] = process.argv.slice(2);

/** Work of scripts, as Chromium's trace names it. */
const SCRIPT = new Set([
  "FireAnimationFrame",
  "FunctionCall",
  "EventDispatch",
  "RunMicrotasks",
  "TimerFire",
  "EvaluateScript",
]);

/** Milliseconds of the page's thread that its scripts took for each animation frame. */
function scriptPerFrame(events) {
  const frames = events.filter((event) => event.name === "FireAnimationFrame" && event.ph === "X");
  const thread = mostFrequent(frames.map((event) => `${event.pid}:${event.tid}`));
  const scripts = events
    .filter((event) => event.ph === "X" && SCRIPT.has(event.name) && `${event.pid}:${event.tid}` === thread)
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  const out = [];
  let sum = 0;
  let end = 0;
  for (const event of scripts) {
    if (event.ts < end) continue; // inside one that is counted
    end = event.ts + event.dur;
    sum += event.tdur ?? event.dur;
    if (event.name === "FireAnimationFrame") {
      out.push(sum / 1000);
      sum = 0;
    }
  }
  return out;
}

function mostFrequent(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Bytes allocated in the page's heap while `during` runs, garbage included. */
async function allocated(page, during) {
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.startSampling", {
    samplingInterval: 1024,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await during();
  const { profile } = await session.send("HeapProfiler.stopSampling");
  return profile.samples.reduce((sum, sample) => sum + sample.size, 0);
}

const browser = await launch();
try {
  const page = await browser.newPage({
    viewport: { width: Number(width), height: Number(height) },
    deviceScaleFactor: mode === "idle-gpu" ? COARSE : 1,
  });
  await page.addInitScript(watchGpu, mode === "idle-gpu");
  await openIdle(page, url);
  if (prompt) await ask(page, prompt);
  await tokens(page, 3);
  await page.waitForTimeout(Number(warm) * 1000);
  await page.evaluate(() => window.chamber.resetMetrics());
  const before = await page.evaluate(() => window.chamber.snapshot().tokens);
  const half = Number(seconds) * 500;
  await browser.startTracing(page, { categories: ["devtools.timeline"] });
  await page.waitForTimeout(half);
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString());
  const framesBefore = await page.evaluate(() => window.chamber.metrics().frames);
  const bytes = await allocated(page, () => page.waitForTimeout(half));
  const measured = await page.evaluate(() => {
    const { latency, inPage, frames } = window.chamber.metrics();
    const { vocabularySize, tokens } = window.chamber.snapshot();
    return { latency, inPage, frames, particles: vocabularySize, tokens, asked: window.asked };
  });
  const result = {
    ...measured,
    script: scriptPerFrame(traceEvents),
    tokens: measured.tokens - before,
    allocatedPerFrame: bytes / Math.max(1, measured.frames - framesBefore),
  };
  process.stdout.write(JSON.stringify(result));
} finally {
  await browser.close();
}
