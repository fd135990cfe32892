import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const here = dirname(fileURLToPath(import.meta.url));

/** A Chromium with WebGPU: on the GPU there is, or in software. */
export function launch() {
  const executablePath =
    process.env.CHROMIUM ??
    execFileSync("python3", [join(here, "../build/browser.py")], { encoding: "utf8" }).trim();
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--enable-unsafe-webgpu",
      "--enable-features=Vulkan",
      "--use-vulkan=swiftshader",
      "--use-angle=swiftshader",
    ],
  });
}
