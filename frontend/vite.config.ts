import { defineConfig } from "vitest/config";

// Relative base: the page also works under a path prefix and from a static folder.
export default defineConfig({
  base: "./",
  build: {
    target: "es2023",
    outDir: "../backend/cloudchamber/server/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
  },
  // Node has WebSocket without a flag from version 22 on.
  test: { execArgv: ["--experimental-websocket"] },
  server: { fs: { allow: [".."] } },
});
