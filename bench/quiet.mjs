// `node bench/quiet.mjs URL SECONDS WIDTH HEIGHT`: open the page in a real Chromium on a recorded run, wait until it is
// over and all is at rest, and print, as JSON, what the page's heap was asked for while frames were drawn and no
// message came, garbage included; and by which functions.
import { launch, watchGpu } from "./chromium.mjs";

const [url, seconds, width, height] = process.argv.slice(2);

/** Bytes by function, the greatest first. */
function byFunction({ head, samples }) {
  const names = new Map();
  const visit = (node) => {
    const { functionName, url: file, lineNumber } = node.callFrame;
    names.set(node.id, `${functionName || "(no name)"} ${file.split("/").at(-1)}:${lineNumber + 1}`);
    node.children.forEach(visit);
  };
  visit(head);
  const sums = new Map();
  for (const { nodeId, size } of samples)
    sums.set(names.get(nodeId), (sums.get(names.get(nodeId)) ?? 0) + size);
  return [...sums].sort((a, b) => b[1] - a[1]);
}

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
  await page.addInitScript(watchGpu, true);
  await page.goto(url);
  await page.waitForFunction(() => window.chamber?.snapshot().phase === "finished", null, {
    timeout: 120_000,
  });
  await page.waitForTimeout(5000);
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const before = await page.evaluate(() => window.chamber.metrics());
  await session.send("HeapProfiler.startSampling", {
    samplingInterval: 256,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await page.waitForTimeout(Number(seconds) * 1000);
  const { profile } = await session.send("HeapProfiler.stopSampling");
  const after = await page.evaluate(() => window.chamber.metrics());
  process.stdout.write(
    JSON.stringify({
      frames: after.frames - before.frames,
      bytes: profile.samples.reduce((sum, sample) => sum + sample.size, 0),
      functions: byFunction(profile).slice(0, 12),
      asked: await page.evaluate(() => window.asked),
    }),
  );
} finally {
  await browser.close();
}
