// `node bench/select.mjs URL CHANGES PROMPT`: while a run goes on, choose another layer or head CHANGES
// times by key, and print as JSON the milliseconds until the frame with its whole matrix is with the GPU.
import { ask, COARSE, launch, leaveCanvas, openIdle, tokens, watchGpu } from "./chromium.mjs";

const [url, changes, prompt] = process.argv.slice(2);
/** Runs in the page: goes to the `i`th of heads that all differ by the keys it takes, and waits for the picture. */
function change(i) {
  const { chamber } = window;
  const { model, selection } = chamber.state();
  const keysTo = (to, from, less, more) => Array(Math.abs(to - from)).fill(to > from ? more : less);
  const keys = [
    ...keysTo((7 * i) % model.n_layer, selection.layer, "[", "]"),
    ...keysTo((4 * i) % model.n_head, selection.head, "{", "}"),
  ];
  const begin = performance.now();
  for (const key of keys) window.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  const { layer, head } = chamber.state().selection;
  return new Promise((done) => {
    const look = () => {
      const state = chamber.state();
      const length = state.tokens.at(-1).event.position;
      const matrix = state.attentionHistory.get(layer, head);
      // Rows of the newest tokens may be on their way; all that was there at the change is asked for.
      const whole =
        matrix && !matrix.missing(Math.min(length, matrix.length), 1) && matrix.length >= length - 2;
      if (!whole) {
        requestAnimationFrame(look);
        return;
      }
      // What came is taken in at the beginning of a frame, which then draws it: it was, before this was called.
      done({ layer, head, length, ms: performance.now() - begin });
    };
    requestAnimationFrame(look);
  });
}

const browser = await launch();
try {
  const page = await browser.newPage({ viewport: { width: 1920, height: 1080 }, deviceScaleFactor: COARSE });
  await page.addInitScript(watchGpu, true);
  await page.addInitScript(leaveCanvas);
  await openIdle(page, url);
  await ask(page, prompt);
  await tokens(page, 20);
  const found = [];
  for (let i = 1; i <= Number(changes); i++) {
    found.push(await page.evaluate(change, i));
    await page.waitForTimeout(300);
  }
  const software = await page.evaluate(() => window.asked.software);
  process.stdout.write(JSON.stringify({ found, asked: { software } }));
} finally {
  await browser.close();
}
