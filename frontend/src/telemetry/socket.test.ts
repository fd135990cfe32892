import { encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type Peer, TestServer } from "../../test/ws_server";
import { ManualClock } from "../app/clock";
import type { Connection } from "../state/state";
import { backoff, LONGEST_WAIT } from "./backoff";
import type { Message, RunState } from "./protocol.gen";
import { DEAD_AFTER, SocketSource, socketUrl } from "./socket";

let server: TestServer;
let source: SocketSource | undefined;
let messages: Message[];
let phases: Connection[];

/** No jitter, shortest waits. */
const random = () => 0;

beforeEach(async () => {
  server = await TestServer.start();
  messages = [];
  phases = [];
});

afterEach(async () => {
  source?.close();
  source = undefined;
  await server.stop();
});

function connect(): SocketSource {
  const made = new SocketSource(server.url, { random, parts: ["cache"] });
  made.start(
    (message) => messages.push(message),
    (connection) => phases.push(connection),
  );
  source = made;
  return made;
}

const welcome = (fields: object = {}) =>
  encode({
    kind: "welcome",
    protocol: 1,
    session: "s1",
    version: "0",
    resumed: false,
    control: true,
    ...fields,
  });

const frame = (first: number, count: number) =>
  encode({
    kind: "frame",
    number: first,
    time: 0,
    first_seq: first,
    events: Array.from({ length: count }, (_, i) => ({ kind: "run_state", run_id: String(first + i) })),
    state: [],
  });

/** Numbers of the events passed on so far. */
const passed = () =>
  messages.flatMap((m) => (m.kind === "frame" ? m.events.map((e) => Number((e as RunState).run_id)) : []));

async function peer(index: number): Promise<Peer> {
  await server.until(() => (server.peers[index]?.heard.length ?? 0) > 0);
  return server.peers[index]!;
}

async function eventually(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 4000, interval: 10 }).toBe(true);
}

it("finds the stream beside the page", () => {
  expect(socketUrl("stream", "http://localhost:8765/?view=hud#x")).toBe("ws://localhost:8765/stream");
  expect(socketUrl("stream", "https://host/prefix/")).toBe("wss://host/prefix/stream");
  expect(socketUrl("stream", "https://host/prefix/index.html")).toBe("wss://host/prefix/stream");
});

it("says hello, then what it wants, then passes frames on", async () => {
  const source = connect();
  const first = await peer(0);
  expect(first.heard[0]).toEqual({ kind: "hello", protocol: 1, session: "", seq: 0, parts: ["cache"] });
  source.send({ kind: "want", parts: ["memory"], attention: [[1, 2]] });
  first.send(welcome());
  await server.until(() => first.heard.length >= 3);
  expect(first.heard[1]).toEqual({ kind: "want", parts: ["memory"], attention: [[1, 2]] });
  first.send(frame(1, 3));
  await eventually(() => passed().length === 3);
  expect(phases.map((c) => c.phase)).toEqual(["connecting", "open"]);
});

it("resumes after a cut where it stopped, passing each event on once", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome());
  first.send(frame(1, 3));
  await eventually(() => passed().length === 3);
  first.cut();
  const second = await peer(1);
  expect(second.heard[0]).toMatchObject({ session: "s1", seq: 3 });
  second.send(welcome({ resumed: true }));
  second.send(frame(2, 4));
  await eventually(() => passed().length === 5);
  expect(passed()).toEqual([1, 2, 3, 4, 5]);
  expect(phases.map((c) => c.phase)).toEqual(["connecting", "open", "waiting", "connecting", "open"]);
});

it("asks again for events that were lost on the way", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome());
  first.send(frame(1, 2));
  first.send(frame(5, 1));
  const second = await peer(1);
  expect(second.heard[0]).toMatchObject({ session: "s1", seq: 2 });
  expect(passed()).toEqual([1, 2]);
});

it("begins anew when the server did", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome());
  first.send(frame(1, 9));
  await eventually(() => passed().length === 9);
  first.cut();
  const second = await peer(1);
  second.send(welcome({ session: "s2" }));
  second.send(frame(1, 2));
  await eventually(() => passed().length === 11);
  expect(passed().slice(9)).toEqual([1, 2]);
});

it("leaves a connection that sends nonsense", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome());
  first.send(Uint8Array.from([0xc1, 0, 0]));
  await peer(1);
  expect(phases.find((c) => c.phase === "waiting")?.message).toMatch(/can't read/);
});

it("does not come back to a server of another version", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome({ protocol: 2 }));
  await eventually(() => phases.at(-1)?.phase === "closed");
  expect(phases.at(-1)?.message).toMatch(/Reload/);
  await new Promise((done) => setTimeout(done, 700));
  expect(server.peers).toHaveLength(1);
});

it("says why it is not let in, and does not come back by a link that is over", async () => {
  connect();
  const first = await peer(0);
  first.send(welcome());
  first.close(4012, "This link was withdrawn.");
  await eventually(() => phases.at(-1)?.phase === "closed");
  expect(phases.at(-1)).toMatchObject({
    refused: "This link was withdrawn",
    message: "This link was withdrawn.",
  });
  await new Promise((done) => setTimeout(done, 700));
  expect(server.peers).toHaveLength(1);
});

it("without a key it waits for one, and takes it when told to look again", async () => {
  const source = connect();
  (await peer(0)).close(4010, "This needs a key.");
  await eventually(() => phases.at(-1)?.phase === "waiting");
  expect(phases.at(-1)?.refused).toBe("This page needs a key");
  source.retryNow();
  (await peer(1)).send(welcome());
  await eventually(() => phases.at(-1)?.phase === "open");
});

it("counts down to the next attempt, and tries at once when told", async () => {
  const source = connect();
  const first = await peer(0);
  await server.stop();
  first.cut();
  await eventually(() => phases.filter((c) => c.phase === "waiting").length >= 3);
  const waits = phases.filter((c) => c.phase === "waiting");
  expect(waits[2]!.retryAt).toBeGreaterThan(waits[1]!.retryAt);
  const { port } = new URL(source.url);
  server = await TestServer.start(Number(port));
  source.retryNow();
  await peer(0);
});

it("measures how its clock stands to the server's", async () => {
  const source = connect();
  const first = await peer(0);
  first.send(welcome());
  await server.until(() => first.heard.some((m) => m.kind === "ping"));
  const sent = Number(first.heard.find((m) => m.kind === "ping")!.time);
  first.send(encode({ kind: "pong", time: sent, server_time: sent + 100 }));
  await eventually(() => !Number.isNaN(source.clockOffset));
  expect(source.clockOffset).toBeGreaterThan(99);
  expect(source.clockOffset).toBeLessThanOrEqual(100);
});

it("gives up a connection that has gone silent without a close, and only after asking", async () => {
  const clock = new ManualClock(0);
  const made = new SocketSource(server.url, { random, clock });
  made.start(
    (message) => messages.push(message),
    (connection) => phases.push(connection),
  );
  source = made;
  const first = await peer(0);
  first.send(welcome());
  const pings = () => first.heard.filter((m) => m.kind === "ping").length;
  await server.until(() => pings() === 1);
  clock.set(DEAD_AFTER - 2);
  await server.until(() => pings() === 2);
  expect(phases.at(-1)?.phase).toBe("open");
  clock.set(DEAD_AFTER + 1);
  await eventually(() => phases.at(-1)?.phase === "waiting");
  expect(phases.at(-1)?.message).toMatch(/silent/);
});

it("waits longer after each failure, up to a limit", () => {
  const waits = [0, 1, 2, 3, 9, 99].map((attempt) => backoff(attempt, () => 0.5));
  expect(waits).toEqual([0.5, 1, 2, 4, LONGEST_WAIT, LONGEST_WAIT]);
  expect(backoff(0, () => 0)).toBeCloseTo(0.375);
  expect(backoff(0, () => 1)).toBeCloseTo(0.625);
});
