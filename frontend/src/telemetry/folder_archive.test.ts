import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { encode } from "@msgpack/msgpack";
import { afterAll, beforeAll, expect, it } from "vitest";
import { FolderArchive } from "./folder_archive";

const MANIFEST = encode({ title: "Served" });
let server: Server;
let base: string;
let lists = 0;

/** A static host under a path, that answers a page for what it has not, as some do. */
beforeAll(async () => {
  server = createServer((request, response) => {
    const path = request.url!.replace("/some/where/", "");
    if (path === "session.json") {
      lists++;
      if (lists === 1) {
        response.statusCode = 503;
        response.end();
        return;
      }
      const parts = { manifest: MANIFEST.length, "tokens/0": MANIFEST.length, "frames/0": 5, gone: 3 };
      response.end(JSON.stringify({ format: 1, parts }));
    } else if (path === "parts/manifest.bin.gz" || path === "parts/frames/0.bin.gz") {
      response.end(gzipSync(MANIFEST));
    } else if (path === "parts/tokens/0.bin.gz") {
      response.setHeader("content-encoding", "gzip");
      response.end(gzipSync(MANIFEST));
    } else {
      response.end("<!doctype html>");
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some/where/`;
});

afterAll(() => void server.close());

it("hands out parts, asks for the list once, and again after a failure", async () => {
  const archive = new FolderArchive(base);
  await expect(archive.part("manifest")).rejects.toThrow(/503/);
  expect(await archive.part("manifest")).toEqual({ title: "Served" });
  expect(await archive.part("timeline")).toBeNull();
  expect(await archive.part("constructor")).toBeNull();
  expect(lists).toBe(2);
});

it("takes parts whose coding the host named", async () => {
  expect(await new FolderArchive(base).part("tokens/0")).toEqual({ title: "Served" });
});

it("refuses a part of another length, and a page in a part's stead", async () => {
  const archive = new FolderArchive(base);
  await expect(archive.part("frames/0")).rejects.toThrow(/did not come whole/);
  await expect(archive.part("gone")).rejects.toThrow(/did not come whole/);
});
