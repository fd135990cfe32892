import "./platform";
import "./page.css";
import "./controls/dock.css";
import "./controls/instrument_controls.css";
import "./controls/palette.css";
import "./messages.css";
import { Hud } from "../hud/hud";
import { createState } from "../state/initial";
import { headSelected } from "../state/reduce";
import type { AppState } from "../state/state";
import { RUN_NAMES } from "../state/url_state";
import type { Archive } from "../telemetry/archive";
import { HttpResources, type Resources } from "../telemetry/resources";
import { SocketSource, socketUrl } from "../telemetry/socket";
import type { FrameSource } from "../telemetry/source";
import { loadFont } from "../text/font";
import { App } from "./app";
import { automationOf } from "./automation";
import { buildPicture } from "./chamber_picture";
import { type Clock, ManualClock, SteeredClock, systemClock } from "./clock";
import { h } from "./dom";
import { listenForFiles } from "./file_drop";
import { replayOf } from "./replay_stage";
import { sentence } from "./sentence";

/** Milliseconds. */
const FONT_PATIENCE = 400;

/** Where the page's data comes from. */
export interface Origin {
  readonly source: FrameSource;
  readonly resources: Resources;
  /** What an exported session was left without, as a sentence. */
  readonly lacking?: string;
}

async function main(): Promise<void> {
  const parameters = new URLSearchParams(location.search);
  const clock = parameters.get("clock") === "manual" ? new ManualClock() : new SteeredClock();
  let app = await show(clock, await origin(clock, parameters.get("recording"), parameters.get("session")));
  document.querySelector(".stillborn")?.remove();
  const openNext = async (file: File) => {
    try {
      const { openFile } = await import("./open_file");
      const opened = await openFile(file, clock);
      app.close();
      history.replaceState(null, "", addressWithoutMoment());
      app = await show(clock, opened);
    } catch (error) {
      app.refuse(sentence(error));
    }
  };
  // One after the other: two that come at once would both stand on the page.
  let opening = Promise.resolve();
  listenForFiles((file) => {
    if (document.querySelector(".export[data-busy]")) {
      app.refuse("A picture or a film is being made: wait until it is done, or cancel it.");
      return;
    }
    opening = opening.then(() => openNext(file));
  });
}

/** The page on one source of data, until it is closed. */
async function show(clock: Clock, { source, resources, lacking }: Origin): Promise<App> {
  const state = createState();
  state.alone = standsAlone();
  const hud: Hud = new Hud({
    send: (command) => app.actions.send(command),
    ask: (slot, asked, done, refused) => app.actions.ask(slot, asked, done, refused),
    toggleTopCount: () => app.actions.toggleTopCount(),
    focus: (id) => app.actions.focus(id),
    arrangement: () => app.actions.arrangement(),
    arrange: (arrangement, last) => app.actions.arrange(arrangement, last),
  });
  const font = loadFont().then(() => hud.fontChanged());
  const app: App = new App({
    clock,
    source,
    resources,
    storage: storageOf(window),
    state,
    build: (canvas) => buildPicture(canvas, hud, state, () => clock.now()),
  });
  beginWithHeldLayer(state, source);
  // The first frame already has the right letters, unless they take too long.
  await Promise.race([font, new Promise((done) => setTimeout(done, FONT_PATIENCE))]);
  await app.start();
  if (lacking) app.refuse(lacking, "An exported session");
  const manual = clock instanceof ManualClock ? clock : null;
  window.chamber = automationOf(app, source, manual);
  if (!manual) app.run();
  return app;
}

/** A session may have the attention of some layers only: unless the address names one, one of those comes first. */
function beginWithHeldLayer(state: AppState, source: FrameSource): void {
  const replay = replayOf(source);
  const held = replay?.manifest.attention_layers ?? [];
  if (
    replay?.unfinished ||
    held.length === 0 ||
    held.includes(0) ||
    new URLSearchParams(location.search).has("layer")
  )
    return;
  headSelected(state, held[0]!, 0);
}

/** The page's address for another session: how it is looked at stays, where in the run does not. */
function addressWithoutMoment(): string {
  const url = new URL(location.href);
  for (const name of [...RUN_NAMES, "layer", "head"]) url.searchParams.delete(name);
  return url.href;
}

/** The server beside the page, or the recorded run at `recording`. */
async function origin(clock: Clock, recording: string | null, session: string | null): Promise<Origin> {
  const base = document.baseURI;
  const archive = await archiveOf(session, base);
  if (archive) {
    const { openReplay } = await import("./open_replay");
    return openReplay(archive, session === null);
  }
  if (recording === null) {
    const source = new SocketSource(socketUrl("stream", base), { clock: systemClock });
    return { source, resources: new HttpResources(base) };
  }
  const { fetchRecording } = await import("../telemetry/recording_file");
  const { RecordingResources, RecordingSource } = await import("../telemetry/replay");
  const held = await fetchRecording(new URL(recording, base));
  const source = new RecordingSource(held, clock, !(clock instanceof ManualClock));
  return { source, resources: new RecordingResources(held) };
}

/** The kept run that the page shows: one of the server beside it, or that of the folder it lies in. Null: live. */
async function archiveOf(session: string | null, base: string): Promise<Archive | null> {
  if (standsAlone()) {
    const { FolderArchive } = await import("../telemetry/folder_archive");
    return new FolderArchive(base);
  }
  if (session === null) return null;
  const { HttpArchive } = await import("../telemetry/archive");
  return new HttpArchive(`api/sessions/${encodeURIComponent(session)}/`, base);
}

/** The page lies in an exported folder. */
function standsAlone(): boolean {
  return document.querySelector('meta[name="cloudchamber-session"][content="static"]') !== null;
}

/** Null where the browser forbids storage. */
function storageOf(owner: Window): Storage | null {
  try {
    return owner.localStorage;
  } catch {
    return null;
  }
}

main().catch((error: unknown) => {
  console.error(error);
  const message = error instanceof Error ? error.message : String(error);
  const said = h("p", { class: "stillborn", role: "alert" }, `The page could not start. ${message} `);
  // A session may have been deleted; its server is there all the same.
  if (location.search.includes("session=")) said.append(h("a", { href: addressWithoutMoment() }, "LIVE"));
  document.body.append(said);
});
