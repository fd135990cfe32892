// `node bench/seek.mjs URL SEEKS`: in the replay at URL, go to SEEKS moments all over the run, to those beside
// them, and back, and print as JSON the milliseconds until the frame that shows each is with the GPU.
import { launch, watchGpu } from "./chromium.mjs";

const [url, seeks] = process.argv.slice(2);

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 } });
  await page.addInitScript(watchGpu, true);
  await page.goto(`${url}?at=0`);
  await page.waitForFunction(() => window.chamber?.metrics().frames > 0, null, { timeout: 60_000 });
  await page.evaluate(() => window.chamber.ready());
  const measured = await page.evaluate(async (count) => {
    const { chamber } = window;
    const { duration, steps } = chamber.session();
    const [far, near] = [[], []];
    // The first few find the page's code not compiled yet.
    for (const at of [0.3, 0.6, 0.9, 0]) await chamber.timeSeek(duration * at);
    for (let i = 1; i <= count; i++) {
      // All over the run, in no order: the golden section leaves no stretch out.
      const at = duration * ((i * 0.618034) % 1);
      far.push(await chamber.timeSeek(at));
      near.push(await chamber.timeSeek(at + 0.04), await chamber.timeSeek(Math.max(0, at - 0.04)));
      await new Promise((done) => setTimeout(done, 100));
    }
    return { far, near, steps, software: window.asked.software };
  }, Number(seeks));
  process.stdout.write(JSON.stringify({ ...measured, asked: { software: measured.software } }));
} finally {
  await browser.close();
}
