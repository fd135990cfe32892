/// <reference lib="es2024.collection" />
import { readFileSync } from "node:fs";
import { defineConfig } from "vitest/config";

// Vitest prints failures with it, and Node has it from version 21 on.
Map.groupBy ??= (items, keyOf) => {
  const groups = new Map();
  let index = 0;
  for (const item of items) {
    const key = keyOf(item, index++);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
};

/** Shaders go into the page without comments and indents: of a compressed shader they are a third. */
const bareShaders = {
  name: "bare-shaders",
  apply: "build",
  enforce: "pre",
  load(id: string) {
    if (!id.endsWith(".wgsl?raw")) return null;
    const source = readFileSync(id.slice(0, -"?raw".length), "utf8");
    const lines = source.split("\n").map((line) => line.replace(/\/\/.*/, "").trim());
    return `export default ${JSON.stringify(lines.filter((line) => line !== "").join("\n"))}`;
  },
} as const;

// Relative base: the page also works under a path prefix and from a static folder.
export default defineConfig({
  base: "./",
  plugins: [bareShaders],
  build: {
    target: "es2023",
    outDir: "../backend/cloudchamber/server/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // In kB before compression. What a visit loads, compressed, is held to 200 kB by `make bench`.
    chunkSizeWarningLimit: 800,
    // Every browser with WebGPU knows how to load modules ahead.
    modulePreload: { polyfill: false },
    // All that a visit loads at once in one file, whatever else needs parts of it: so it compresses best.
    rolldownOptions: {
      output: { codeSplitting: { groups: [{ name: "page", test: /src\/app\/main\.ts$/ }] } },
    },
  },
  // Node has WebSocket without a flag from version 22 on.
  test: { execArgv: ["--experimental-websocket"] },
  server: { fs: { allow: [".."] } },
});
