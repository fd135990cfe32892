// `node bench/first_frame.mjs URL WIDTH HEIGHT`: seconds from opening the page to its first frame.
import { launch } from "./chromium.mjs";

const [url, width, height] = process.argv.slice(2);
const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: Number(width), height: Number(height) } });
  const begin = performance.now();
  await page.goto(url, { waitUntil: "commit" });
  await page.waitForFunction(() => window.chamber?.metrics().frames > 0);
  process.stdout.write(String((performance.now() - begin) / 1000));
} finally {
  await browser.close();
}
