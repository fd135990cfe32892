// `node bench/quiet.mjs URL SECONDS WIDTH HEIGHT`: open the page in a real Chromium on a recorded run, wait until it is
// over and all is at rest, and print, as JSON, what the page's heap was asked for while frames were drawn and no
// message came, garbage included, and by which functions; and the same of a bare page that makes the objects of WebGPU
// that such frames make.
import { bareFrames, MAKES, seenFrames } from "./bare_frame.mjs";
import { launch, watchGpu } from "./chromium.mjs";

const [url, seconds, width, height] = process.argv.slice(2);

/** Frames drawn beforehand: a function that is called once a frame is compiled to the end only after thousands. */
const WARM = 30_000;
/** Of them, in one task. */
const BATCH = 100;
/** Frames whose objects are written down. */
const SEEN = 60;

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

/** What the heap is asked for while frames are drawn. Runs in the page: `draw`, one frame, and `count`, frames so far. */
async function sampled(page, draw, count) {
  for (let i = 0; i < WARM; i += BATCH) await page.evaluate(`for (let i = 0; i < ${BATCH}; i++) ${draw}; 0`);
  await page.waitForTimeout(1000);
  const session = await page.context().newCDPSession(page);
  await session.send("HeapProfiler.collectGarbage");
  const before = await page.evaluate(count);
  await session.send("HeapProfiler.startSampling", {
    samplingInterval: 1, // bytes: each object is seen, so that what is left of a frame can be counted
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await page.waitForTimeout(Number(seconds) * 1000);
  const { profile } = await session.send("HeapProfiler.stopSampling");
  const frames = (await page.evaluate(count)) - before;
  const bytes = profile.samples.reduce((sum, sample) => sum + sample.size, 0);
  return { frames, bytes, functions: byFunction(profile).slice(0, 12) };
}

const browser = await launch();
try {
  const viewport = { width: Number(width), height: Number(height) };
  const context = await browser.newContext({ viewport });
  await context.addInitScript(watchGpu, true);
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForFunction(() => window.chamber?.snapshot().phase === "finished", null, {
    timeout: 120_000,
  });
  await page.waitForTimeout(5000);
  const ours = await sampled(page, "chamber.render()", "chamber.metrics().frames");
  const seen = await page.evaluate(seenFrames, [MAKES, SEEN]);
  const asked = await page.evaluate(() => window.asked);
  await page.close();

  const other = await context.newPage();
  const place = new URL("/bare", url).href; // of the same origin, which may use WebGPU
  await other.route(place, (route) => route.fulfill({ contentType: "text/html", body: "<canvas></canvas>" }));
  await other.goto(place);
  await other.evaluate(bareFrames, seen);
  const bare = await sampled(other, "bare.draw()", "bare.frames");
  const objects = seen.reduce((sum, frame) => sum + frame.length, 0) / seen.length;
  process.stdout.write(JSON.stringify({ ours, bare, objects, asked }));
} finally {
  await browser.close();
}
