// `node bench/latency.mjs URL WARM SECONDS WIDTH HEIGHT [idle-gpu]`: open the page in a real Chromium, let it run
// WARM seconds, and print, as JSON, how old each frame of the next SECONDS was when it went to the GPU. Nothing
// is traced meanwhile: that would be part of the figure.
import { launch, watchGpu } from "./chromium.mjs";

const [url, warm, seconds, width, height, mode] = process.argv.slice(2);

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
  await page.addInitScript(watchGpu, mode === "idle-gpu");
  await page.goto(url);
  await page.waitForFunction(() => window.chamber?.snapshot().tokens > 3, null, { timeout: 60_000 });
  await page.evaluate(() => window.chamber.ready());
  await page.waitForTimeout(Number(warm) * 1000);
  await page.evaluate(() => window.chamber.resetMetrics());
  await page.waitForTimeout(Number(seconds) * 1000);
  const measured = await page.evaluate(() => {
    const { latency, drawn, inPage, frames } = window.chamber.metrics();
    return { latency, drawn, inPage, frames, asked: window.asked };
  });
  process.stdout.write(JSON.stringify(measured));
} finally {
  await browser.close();
}
