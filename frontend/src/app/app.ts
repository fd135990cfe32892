import { Cockpit } from "../hud/cockpit";
import type { Panel } from "../hud/layout";
import type { QrCode } from "../hud/qr";
import { MomentKeeper } from "../state/moment";
import { connectionChanged, momentSettled } from "../state/reduce";
import { Requests } from "../state/requests";
import { loadSettings, type Settings, saveSettings } from "../state/settings";
import type { AppState, Connection } from "../state/state";
import { suggestHead } from "../state/telling_head";
import type { ArchiveSource } from "../telemetry/archive_source";
import type { Message } from "../telemetry/protocol.gen";
import type { FoundModel, Positions, Resources } from "../telemetry/resources";
import { type FrameSource, recordingOf } from "../telemetry/source";
import { Address } from "./address";
import { type CanvasSize, CanvasSizeWatch } from "./canvas_size";
import type { Clock } from "./clock";
import { Dialogs } from "./dialogs";
import { Fetcher } from "./fetcher";
import { GraphicsKeeper } from "./graphics";
import { Intake } from "./intake";
import { listenToKeys } from "./keyboard";
import { Metrics } from "./metrics";
import { keepPace } from "./pace";
import { type Page, PageActions } from "./page_actions";
import { PageDom } from "./page_dom";
import type { Picture, UiState } from "./picture";
import { Pointer, type PointerHost } from "./pointer";
import { followReducedMotion } from "./reduced_motion";
import { ReplayStage, replayOf } from "./replay_stage";
import { LiveTransport, ReplayTransport } from "./transport";
import { Wants } from "./wants";

/** By what a person may have selected something else. */
const DEEDS = ["keydown", "pointerdown", "pointermove", "pointerup", "click", "input"] as const;

/** Before there is a picture. */
const NO_PANELS: readonly Panel[] = [];
/** The clock of what has no time. */
const ALWAYS: Clock = { now: () => Number.NEGATIVE_INFINITY };

export interface AppOptions {
  readonly clock: Clock;
  readonly source: FrameSource;
  readonly resources: Resources;
  readonly storage: Storage | null;
  readonly state: AppState;
  readonly build: (canvas: HTMLCanvasElement) => Promise<Picture>;
}

/** The page: everything it holds, and what one animation frame does. */
export class App implements Page {
  readonly state: AppState;
  readonly settings: Settings;
  readonly clock: Clock;
  readonly source: FrameSource;
  /** The source where it is a kept run; null for a stream. */
  readonly replay: ArchiveSource | null;
  readonly transport: ReplayTransport | LiveTransport;
  readonly metrics = new Metrics();
  readonly graphics: GraphicsKeeper;
  readonly ui: UiState;
  readonly actions = new PageActions(this);
  readonly dom: PageDom;
  readonly dialogs = new Dialogs(this);
  readonly requests = new Requests((question) => this.source.send(question));
  private readonly moments = new MomentKeeper(this.requests, (run, step, token) => {
    momentSettled(this.state, run, step, token);
    this.touch();
  });
  private readonly intake: Intake;
  private readonly fetcher: Fetcher;
  private readonly size: CanvasSizeWatch;
  private readonly ending = new AbortController();
  private readonly wants = new Wants();
  private readonly address: Address;
  /** Called after each frame that was drawn: a film takes it from there. */
  drawn: (() => void) | null = null;
  /** Ended by an export, which then calls `tick` itself. */
  ownPace = true;
  /** What was selected when it was asked for. */
  private asked = "";
  private dirty = true;
  private lastTick = Number.NaN;

  constructor(readonly options: AppOptions) {
    const { clock, resources } = options;
    this.state = options.state;
    this.clock = clock;
    this.source = options.source;
    this.replay = replayOf(options.source);
    this.transport = this.replay
      ? new ReplayTransport(this.replay, () => this.touch())
      : new LiveTransport(options.state, () => this.touch());
    this.settings = loadSettings(options.storage);
    this.dom = new PageDom(this);
    const now = () => clock.now();
    const touched = () => this.touch();
    this.ui = {
      shownAt: clock.now(),
      topCount: this.settings.topCount,
      reducedMotion: false,
      replay: this.replay,
      transport: this.transport,
      lag: 0,
      qr: null,
      bare: false,
      cockpit: new Cockpit(options.storage),
      pointerX: Number.NaN,
      pointerY: Number.NaN,
    };
    this.graphics = new GraphicsKeeper(
      () => options.build(this.canvas),
      (picture) => this.equip(picture),
      touched,
      now,
    );
    const answered = (message: Message) => this.requests.receive(message);
    // What is asked of a kept run has always been so: nothing moves to it.
    const arrival = this.replay ? ALWAYS : clock;
    this.intake = new Intake(this.state, this.source, arrival, this.metrics, touched, answered);
    this.replay?.perform(new ReplayStage(this.state, () => this.graphics.picture));
    const place = (positions: Positions | null) =>
      this.graphics.picture?.setPositions(positions, clock.now());
    this.fetcher = new Fetcher(this.state, resources, now, place, touched);
    const pointer = () => this.graphics.picture?.pointer ?? null;
    this.address = new Address(this.state, this.ui, pointer, this.replay);
    this.address.read();
    this.size = new CanvasSizeWatch(this.canvas);
    this.listen();
  }

  /** Start the picture and the stream. The picture may fail: the page says so and works on. */
  async start(): Promise<void> {
    this.want();
    this.intake.start((connection) => this.connected(connection));
    await this.graphics.start();
  }

  /** From now on everything goes on by animation frames. */
  run(): void {
    this.intake.arrived = keepPace(this);
  }

  /** Everything of one animation frame, at the clock's time. */
  tick(): void {
    const begin = performance.now();
    if (!Number.isNaN(this.lastTick)) this.metrics.interval.push(begin - this.lastTick);
    this.lastTick = begin;
    const now = this.clock.now();
    recordingOf(this.source)?.advance(now);
    this.drain();
    if (this.replay) this.play(this.replay, now);
    this.fetch();
    this.moments.update(this.state);
    this.draw(this.replay?.time ?? now, now);
    this.showDom(now);
    this.metrics.script.push(performance.now() - begin);
  }

  /** What can't wait while no frame is drawn: events, messages, controls, what is read out. */
  tend(): void {
    this.drain();
    this.fetch();
    this.showDom(this.clock.now());
  }

  /** What was applied goes to the GPU, and is drawn by a later frame; what a replay shows is drawn by its own clock. */
  handOver(picture: Picture): void {
    if (this.replay) return;
    picture.takeIn(this.clock.now(), this.state);
    this.intake.submitted();
  }

  /** Apply all that has arrived. */
  drain(): void {
    this.intake.drain();
    if (suggestHead(this.state)) this.touch();
  }

  /** Start fetching what the state names, where it is due. */
  fetch(): void {
    this.fetcher.update();
  }

  /** Something changed that is not in a message: look at all controls once more. */
  touch(): void {
    this.dirty = true;
  }

  /** Something has arrived that is not applied yet. */
  get waiting(): boolean {
    return this.intake.waiting;
  }

  get root(): HTMLElement {
    return this.dom.root;
  }

  get canvas(): HTMLCanvasElement {
    return this.dom.canvas;
  }

  /** The models that there are to choose from. */
  listModels(): Promise<readonly FoundModel[]> {
    return this.options.resources.models(this.signal);
  }

  /** The canvas' size. */
  get screen(): CanvasSize {
    return this.size.current;
  }

  /** Show a code over the picture; null takes it away. */
  showQr(code: QrCode | null): void {
    this.ui.qr = code;
    this.touch();
  }

  /** Say for a while that something asked for can't be done; or with a title, whatever it says. */
  refuse(message: string, title?: string): void {
    const arrived = this.clock.now();
    this.state.rejected = title ? { message, arrived, title } : { message, arrived };
    this.touch();
  }

  close(): void {
    this.ending.abort();
    this.source.close();
    this.fetcher.close();
    this.graphics.close();
    this.size.close();
    this.root.remove();
  }

  /** Aborts when the page closes. */
  get signal(): AbortSignal {
    return this.ending.signal;
  }

  /** Questions are asked and not yet answered, or their answers not yet taken in. */
  get busy(): boolean {
    return this.requests.busy || this.intake.waiting;
  }

  /** The parts of the picture are all there: nothing more is fetched or built. */
  get settled(): boolean {
    const { model, vocabulary, positions } = this.state;
    const { positions: held } = this.fetcher;
    const named = model !== null && vocabulary !== null;
    const placed =
      positions === null || (held?.hash === positions.embedding_hash && held.method === positions.method);
    return named && placed && this.graphics.phase.phase === "ready";
  }

  // ------------------------------------------------------------------------------ inside

  /** The replay goes on; what is drawn, is drawn by its clock. */
  private play(replay: ArchiveSource, now: number): void {
    const { playing } = replay.playback;
    if (replay.advance(now)) this.touch();
    if (playing !== replay.playback.playing) this.touch();
    this.ui.lag = now - replay.time;
  }

  /** Say what this page looks at, when that has changed. */
  private want(): void {
    const panels = this.graphics.picture?.layout?.panels ?? NO_PANELS;
    const want = this.wants.update(this.state, panels, document.hidden);
    if (want) this.source.send(want);
  }

  /** After whatever a person did: ask for what is selected now, so that the answer comes while a frame is waited for. */
  private ask(): void {
    const { layer, head, step } = this.state.selection;
    const selected = `${layer}/${head}/${step}`;
    if (selected === this.asked) return;
    this.asked = selected;
    this.want();
    this.moments.update(this.state);
    this.graphics.picture?.ask(this.state);
  }

  private connected(connection: Connection): void {
    connectionChanged(this.state, connection);
    if (connection.phase === "open") void this.dom.dock.models.refresh();
    this.touch();
  }

  private draw(time: number, clock: number): void {
    const { picture } = this.graphics;
    if (!picture) return;
    const size = this.size.take();
    if (size) this.resize(picture, size);
    picture.draw(time, clock, this.state, this.ui);
    this.metrics.frames++;
    this.intake.drawn();
    this.drawn?.();
  }

  private resize(picture: Picture, size: CanvasSize): void {
    picture.resize(size);
    this.dom.scale(size.scale);
  }

  private showDom(now: number): void {
    const { picture, phase } = this.graphics;
    this.dom.update(now, this.dirty, phase, this.fetcher.notice, picture?.layout);
    this.want();
    this.address.update(now);
    this.dirty = false;
  }

  private equip(picture: Picture): void {
    this.metrics.rebuilds = this.graphics.rebuilds;
    this.resize(picture, this.size.current);
    this.address.equip(picture.pointer);
    if (this.fetcher.positions) picture.setPositions(this.fetcher.positions, this.clock.now());
  }

  private listen(): void {
    const { signal } = this.ending;
    listenToKeys(this.actions, signal);
    new Pointer(this.canvas, this.ui, this.pointerHost(), signal);
    followReducedMotion(this.ui, signal);
    document.addEventListener("visibilitychange", () => this.want(), { signal });
    window.addEventListener("online", () => this.actions.retryConnection(), { signal });
    const addressChanged = () => {
      this.address.read();
      this.touch();
    };
    const ask = () => queueMicrotask(() => this.ask());
    for (const type of DEEDS) window.addEventListener(type, ask, { signal });
    window.addEventListener("popstate", addressChanged, { signal });
  }

  private pointerHost(): PointerHost {
    return {
      target: () => this.graphics.picture?.pointer ?? null,
      scale: () => 1 / this.size.current.scale,
      awake: () => this.dom.wake(this.clock.now()),
    };
  }

  remember(): void {
    saveSettings(this.options.storage, this.settings);
    this.touch();
  }
}
