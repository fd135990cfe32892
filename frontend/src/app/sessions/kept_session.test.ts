import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { addressOf, ago, type KeptSession, roomSaid, SessionsClient, size } from "./kept_session";

describe("the address of a session", () => {
  it.each([
    ["", "a1", "?session=a1"],
    ["?view=hud&layer=3", "a1", "?view=hud&layer=3&session=a1"],
    ["?session=b2&at=4.5&step=3&focus=kv", "a1", "?focus=kv&session=a1"],
    ["?session=b2&at=4.5", null, "./"],
    ["?session=b2&waterfall.end=12.5&monitor.line=-3&flow.mode=mean", "a1", "?flow.mode=mean&session=a1"],
    ["?session=b2&preset=memory", null, "?preset=memory"],
  ])("from %s to %s is %s", (search, id, expected) => expect(addressOf(search, id)).toBe(expected));
});

it.each([
  [10, "just now"],
  [3000, "50 minutes ago"],
  [7200, "2 hours ago"],
  [3 * 86_400, "3 days ago"],
  [30 * 86_400, "1970-01-02"],
])("%d seconds are %s", (passed, expected) => expect(ago(86_400, 86_400 + passed)).toBe(expected));

it.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [38_700_000, "38.7 MB"],
  [1e10, "10.0 GB"],
  [2.5e16, "25000.0 TB"],
])("%d bytes are %s, as the limit is given", (bytes, expected) => expect(size(bytes)).toBe(expected));

it("says whether runs are kept, and for how long there is room", () => {
  const said = (count: number, recording: boolean) =>
    roomSaid({
      sessions: Array<KeptSession>(count),
      used: count * 2e9,
      limit: 10e9,
      recording,
      changeable: true,
    });
  expect(said(0, true)).toBe("Nothing is kept yet: every run is, as it streams.");
  expect(said(0, false)).toMatch(/^Nothing is kept: the server was started without recording/);
  expect(said(1, false)).toMatch(/are kept, and nothing is added: .*without recording/);
  expect(said(1, true)).toMatch(/ of .*the oldest that is not pinned goes first/);
});

describe("the client", () => {
  const asked: string[] = [];
  let server: Server;
  let base = "";
  beforeAll(async () => {
    server = createServer((request, response) => {
      let body = "";
      request.on("data", (piece) => {
        body += piece;
      });
      request.on("end", () => {
        asked.push(`${request.method} ${request.url} ${body}`);
        if (request.method === "DELETE") {
          response.writeHead(409);
          response.end("This session still runs; stop it first.\n");
        } else response.end('{"sessions": [], "used": 0, "limit": 5, "recording": true}');
      });
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${(server.address() as { port: number }).port}/prefix/`;
  });
  afterAll(() => {
    server.close();
  });

  it("asks below the page's own address, and says what the server says", async () => {
    const client = new SessionsClient(base);
    expect(await client.list(new AbortController().signal)).toEqual({
      sessions: [],
      used: 0,
      limit: 5,
      recording: true,
    });
    await client.change("a/1", { pinned: true });
    await expect(client.remove("b")).rejects.toThrow("still runs; stop it first.");
    expect(asked).toEqual([
      "GET /prefix/api/sessions ",
      'POST /prefix/api/sessions/a%2F1 {"pinned":true}',
      "DELETE /prefix/api/sessions/b ",
    ]);
  });

  it("says in a sentence when nobody answers, and leaves it to be aborted", async () => {
    const nowhere = new SessionsClient("http://127.0.0.1:9/");
    await expect(nowhere.remove("b")).rejects.toThrow("The server does not answer.");
    await expect(nowhere.list(AbortSignal.abort())).rejects.toThrow(/abort/);
  });
});
