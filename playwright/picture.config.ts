import { defineConfig } from "@playwright/test";
import config from "./playwright.config";

/** Only for `make picture`: it writes into docs/. */
export default defineConfig({ ...config, projects: [{ name: "picture", testMatch: "picture.ts" }] });
