import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { defineConfig } from "@playwright/test";
import { HERE } from "./pictures";

/** WebGPU on the software renderer, with the canvas visible in screenshots. */
const FLAGS = [
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-angle=swiftshader",
  "--force-color-profile=srgb",
  "--font-render-hinting=none",
];

const chromium =
  process.env.CHROMIUM ??
  execFileSync("python3", [join(HERE, "../build/browser.py")], { encoding: "utf8" }).trim();

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // One at a time: the software renderer takes every core there is.
  workers: 1,
  fullyParallel: false,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  forbidOnly: !!process.env.CI,
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    viewport: { width: 640, height: 360 },
    colorScheme: "dark",
    // Without one, a control that never comes takes the whole test's time, and the report can't say which it was.
    actionTimeout: 60_000,
    navigationTimeout: 60_000,
    launchOptions: { executablePath: chromium, args: FLAGS },
  },
  projects: [
    { name: "pictures", testMatch: /pictures\/.*\.spec\.ts/ },
    { name: "comparison", testMatch: "comparison.spec.ts" },
    { name: "replay", testMatch: /replay\/.*\.spec\.ts/ },
    { name: "export", testMatch: /export\/.*\.spec\.ts/ },
    { name: "share", testMatch: /share\/.*\.spec\.ts/ },
    { name: "live", testMatch: /live\/.*\.spec\.ts/ },
  ],
});
