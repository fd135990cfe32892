// `node bench/memory.mjs URL PROMPT COUNT …`: the page's memory when its run has made COUNT tokens, as JSON:
// bytes of the script heap and of the arrays behind it, after a garbage collection, with the run paused.
import { ask, launch, openIdle, tokens, watchGpu } from "./chromium.mjs";

const [url, prompt, ...counts] = process.argv.slice(2);

async function memory(page) {
  const session = await page.context().newCDPSession(page);
  await page.getByRole("button", { name: "Pause", exact: true }).click();
  await page.waitForFunction(() => window.chamber.snapshot().phase === "paused");
  await page.waitForTimeout(1000);
  // Twice: what a finaliser frees goes with the second.
  for (let i = 0; i < 2; i++) await session.send("HeapProfiler.collectGarbage");
  const { usedSize, backingStorageSize, embedderHeapUsedSize } = await session.send("Runtime.getHeapUsage");
  const made = await page.evaluate(() => window.chamber.snapshot().tokens);
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  return { tokens: made, heap: usedSize, arrays: backingStorageSize, dom: embedderHeapUsedSize };
}

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  await page.addInitScript(watchGpu, true);
  await openIdle(page, url);
  // A run before the one that is measured: what the page compiles and lays out once is not a matter of length.
  await ask(page, prompt);
  await tokens(page, 2 * Number(counts[0]));
  await page.getByRole("button", { name: "Stop", exact: true }).click();
  await page.waitForFunction(() => window.chamber.snapshot().phase === "stopped");
  await ask(page, prompt);
  await page.waitForFunction(() => window.chamber.snapshot().phase === "running");
  const found = [];
  for (const count of counts.map(Number)) {
    await tokens(page, count);
    found.push(await memory(page));
  }
  process.stdout.write(JSON.stringify({ found }));
} finally {
  await browser.close();
}
