import { encode } from "@msgpack/msgpack";
import { afterEach, beforeEach, expect, it } from "vitest";
import { DiskArchive } from "../../test/disk_archive";
import { TestServer } from "../../test/ws_server";
import type { Connection } from "../state/state";
import type { Archive } from "./archive";
import { ArchiveSource } from "./archive_source";
import type { Message } from "./protocol.gen";
import { SessionWatch } from "./session_watch";

let server: TestServer;
let watch: SessionWatch | null = null;
let heard: (string | Message)[];

beforeEach(async () => {
  server = await TestServer.start();
  heard = [];
});

afterEach(async () => {
  watch?.close();
  watch = null;
  await server.stop();
});

const delivery = (viewers: number) => encode({ kind: "delivery", skipped: 0, viewers });

async function eventually(condition: () => boolean): Promise<void> {
  await expect.poll(condition, { timeout: 4000, interval: 10 }).toBe(true);
}

function begin(): void {
  const told = (message: Message) => heard.push(message);
  const cut = (title: string, sentence: string) => heard.push(`${title}: ${sentence}`);
  watch = new SessionWatch(server.url, { told, cut, back: () => heard.push("back") }, () => 0);
}

const come = (count: number) => eventually(() => server.peers.length === count);

it("passes on what is told, and comes back when the server was away", async () => {
  begin();
  await come(1);
  server.peers[0]!.send(delivery(1));
  await eventually(() => heard.length === 1);
  server.peers[0]!.cut();
  await come(2);
  server.peers[1]!.send(delivery(2));
  await eventually(() => heard.length === 3);
  expect(heard.map((one) => (typeof one === "string" ? one : one.kind))).toEqual([
    "delivery",
    "back",
    "delivery",
  ]);
});

it("comes back to where a key is missing, and not by a link that is over", async () => {
  begin();
  await come(1);
  server.peers[0]!.close(4010, "This needs a key.");
  await come(2);
  server.peers[1]!.close(4011, "Ask for a new one.");
  await eventually(() => heard.length > 0);
  await new Promise((done) => setTimeout(done, 900));
  expect(heard).toEqual(["This link has expired: Ask for a new one."]);
  expect(server.peers).toHaveLength(2);
});

it("is let go of with the page", async () => {
  begin();
  await come(1);
  watch!.close();
  await new Promise((done) => setTimeout(done, 700));
  expect(server.peers).toHaveLength(1);
});

/** A session of the server that can be away. */
class Watched implements Archive {
  readonly watch = server.url;
  away = false;
  asked = 0;
  private readonly disk = DiskArchive.make();

  async part(name: string): Promise<unknown> {
    this.asked++;
    if (this.away) throw new Error("No answer.");
    return this.disk.part(name);
  }
}

it("a replay says that a part can't be had, and asks again when the server is back", async () => {
  const archive = new Watched();
  const source = await ArchiveSource.open(archive);
  const phases: Connection[] = [];
  source.start(
    () => {},
    (connection) => phases.push(connection),
  );
  await come(1);
  archive.away = true;
  source.seek(3);
  await source.idle();
  expect(phases.at(-1)).toMatchObject({ phase: "replay", refused: "Part of the session can't be had" });
  archive.away = false;
  server.peers[0]!.cut();
  await come(2);
  server.peers[1]!.send(delivery(1));
  await eventually(() => phases.at(-1)!.message === "");
  expect(phases.at(-1)).toEqual({ phase: "replay", retryAt: 0, message: "" });
  source.close();
});

it("a replay stops and asks for nothing more when its link is over", async () => {
  const archive = new Watched();
  const source = await ArchiveSource.open(archive);
  const phases: Connection[] = [];
  source.start(
    () => {},
    (connection) => phases.push(connection),
  );
  source.playback.play();
  await come(1);
  server.peers[0]!.close(4012, "Ask for a new one.");
  await eventually(() => phases.at(-1)!.phase === "closed");
  expect(phases.at(-1)).toMatchObject({ refused: "This link was withdrawn", message: "Ask for a new one." });
  expect(source.playback.playing).toBe(false);
  const { asked } = archive;
  source.retryNow();
  source.seek(3);
  await source.idle();
  expect(archive.asked).toBe(asked);
  expect(phases.at(-1)!.phase).toBe("closed");
});
