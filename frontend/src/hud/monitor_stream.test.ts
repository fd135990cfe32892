import { expect, it } from "vitest";
import { keepPlace } from "./monitor_stream";
import { createMonitorUi } from "./monitor_ui";

it("keeps the place of who scrolled back, and follows the newest otherwise", () => {
  const ui = createMonitorUi();
  ui.scrollLimit = 40;
  keepPlace(ui, 50);
  keepPlace(ui, 53);
  expect(ui.scroll).toBe(0);
  ui.scroll = 10;
  keepPlace(ui, 55);
  expect(ui.scroll).toBe(12);
  ui.scrollLimit = 12;
  keepPlace(ui, 58);
  expect(ui.scroll).toBe(12);
  keepPlace(ui, 3);
  expect(ui.scroll).toBe(0);
});
