/// <reference lib="es2024.collection" />
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

// Relative base: the page also works under a path prefix and from a static folder.
export default defineConfig({
  base: "./",
  build: {
    target: "es2023",
    outDir: "../backend/cloudchamber/server/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // In kB before compression. What a visit loads, compressed, is held to 200 kB by `make bench`.
    chunkSizeWarningLimit: 800,
  },
  // Node has WebSocket without a flag from version 22 on.
  test: { execArgv: ["--experimental-websocket"] },
  server: { fs: { allow: [".."] } },
});
