import {
  apply,
  connectionChanged,
  headSelected,
  problemDismissed,
  restarted,
  viewChosen,
} from "../state/reduce";
import { isRunning, mayRun } from "../state/select";
import { generateCommand, loadSettings, type Settings, saveSettings } from "../state/settings";
import type { AppState, Connection, ViewMode } from "../state/state";
import { readUrl, urlStateOf, writeUrl } from "../state/url_state";
import type { Command, Frame, Message, Part } from "../telemetry/protocol.gen";
import { MessageQueue } from "../telemetry/queue";
import { RecordingSource } from "../telemetry/replay";
import type { Resources } from "../telemetry/resources";
import { SocketSource } from "../telemetry/socket";
import type { FrameSource } from "../telemetry/source";
import type { Actions } from "./actions";
import { type CanvasSize, CanvasSizeWatch } from "./canvas_size";
import type { Clock } from "./clock";
import { Dock, type Rect } from "./controls/dock";
import { Help } from "./controls/help";
import { h } from "./dom";
import { Fetcher } from "./fetcher";
import { GraphicsKeeper } from "./graphics";
import { listenToKeys } from "./keyboard";
import { MessageView } from "./message_view";
import { type MessageSpec, messagesFor } from "./messages";
import { Metrics } from "./metrics";
import { Mirror } from "./mirror";
import type { Picture, PointerTarget, UiState } from "./picture";
import { Pointer, type PointerHost } from "./pointer";
import { applyTheme } from "./theme_css";
import { Tip } from "./tip";

/** The state each view looks at: the nebula its light, the monitor its gauges. */
const PARTS: Readonly<Record<ViewMode, readonly Part[]>> = {
  nebula: ["distribution"],
  hud: ["cache", "memory"],
  both: ["distribution", "cache", "memory"],
};

/** A hidden page needs the events alone; the server gives it the newest state when it is seen again. */
const NONE: readonly Part[] = [];

/** With the nebula alone, the controls stay this long after the last movement, in seconds. */
const AWAKE = 2.5;

const NOTHING: readonly MessageSpec[] = [];

export interface AppOptions {
  readonly clock: Clock;
  readonly source: FrameSource;
  readonly resources: Resources;
  readonly storage: Storage | null;
  readonly state: AppState;
  readonly build: (canvas: HTMLCanvasElement) => Promise<Picture>;
}

/** The page: everything it holds, and what one animation frame does. */
export class App implements Actions, PointerHost {
  readonly state: AppState;
  readonly metrics = new Metrics();
  readonly graphics: GraphicsKeeper;
  readonly ui: UiState;
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  private readonly settings: Settings;
  private readonly queue = new MessageQueue();
  private readonly fetcher: Fetcher;
  private readonly dock: Dock;
  private readonly help = new Help();
  private readonly messages = new MessageView(this);
  private readonly mirror: Mirror;
  private readonly size: CanvasSizeWatch;
  private readonly ending = new AbortController();
  private readonly fresh: { time: number; arrived: number }[] = [];
  private placed: Rect | null = null;
  private dirty = true;
  private awakeUntil = 0;
  private lastTick = Number.NaN;

  constructor(readonly options: AppOptions) {
    const { clock, resources, storage } = options;
    this.state = options.state;
    this.settings = loadSettings(storage);
    this.canvas = h("canvas", { class: "stage", role: "img", tabindex: 0 });
    const now = () => clock.now();
    const touched = () => this.touch();
    this.ui = {
      shownAt: clock.now(),
      topCount: this.settings.topCount,
      reducedMotion: false,
      pointerX: Number.NaN,
      pointerY: Number.NaN,
    };
    this.graphics = new GraphicsKeeper(
      () => options.build(this.canvas),
      (picture) => this.equip(picture),
      touched,
      now,
    );
    this.fetcher = new Fetcher(this.state, resources, now, (positions) => {
      this.graphics.picture?.setPositions(positions, clock.now());
      this.touch();
    });
    const list = () => resources.models(this.ending.signal);
    this.dock = new Dock(this.settings, this, list, () => this.remember());
    this.mirror = new Mirror(this.canvas);
    this.root = h(
      "main",
      { class: "page" },
      this.canvas,
      this.dock.element,
      this.messages.element,
      this.mirror.element,
      this.help.element,
    );
    this.root.append(new Tip(this.root, this.ending.signal).element);
    this.readAddress();
    document.body.append(this.root);
    applyTheme(document.documentElement);
    this.size = new CanvasSizeWatch(this.canvas);
    this.listen();
  }

  /** Start the picture and the stream. The picture may fail: the page says so and works on. */
  async start(): Promise<void> {
    this.want();
    this.options.source.start(
      (message) => this.receive(message),
      (connection) => this.connected(connection),
    );
    await this.graphics.start();
  }

  /** Everything of one animation frame, at the clock's time. */
  tick(): void {
    const begin = performance.now();
    if (!Number.isNaN(this.lastTick)) this.metrics.interval.push(begin - this.lastTick);
    this.lastTick = begin;
    const now = this.options.clock.now();
    if (this.options.source instanceof RecordingSource) this.options.source.advance(now);
    this.drain();
    this.fetch();
    this.draw(now);
    this.showDom(now);
    this.metrics.script.push(performance.now() - begin);
  }

  /** What can't wait while no frame is drawn: events, messages, controls, what is read out. */
  tend(): void {
    this.drain();
    this.fetch();
    this.showDom(this.options.clock.now());
  }

  /** Apply all that has arrived. */
  drain(): void {
    if (this.queue.length === 0) return;
    const now = this.options.clock.now();
    for (const message of this.queue.drain()) apply(this.state, message, now);
    this.state.dropped = this.queue.dropped;
    this.dirty = true;
  }

  /** Start fetching what the state names, where it is due. */
  fetch(): void {
    this.fetcher.update();
  }

  /** Something changed that is not in a message: look at all controls once more. */
  touch(): void {
    this.dirty = true;
  }

  close(): void {
    this.ending.abort();
    this.options.source.close();
    this.fetcher.close();
    this.graphics.close();
    this.size.close();
    this.root.remove();
  }

  /** Aborts when the page closes. */
  get signal(): AbortSignal {
    return this.ending.signal;
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

  // ------------------------------------------------------------------------------ actions

  generate(): void {
    if (!mayRun(this.state)) return;
    this.remember();
    this.send(generateCommand(this.settings));
  }

  togglePlay(): void {
    const phase = this.state.run?.state?.phase;
    if (phase === "paused") this.send({ kind: "resume" });
    else if (isRunning(this.state)) this.send({ kind: "pause" });
    else if (this.settings.prompt.trim() !== "") this.generate();
    else this.focusPrompt();
  }

  step(): void {
    this.send({ kind: "step" });
  }

  stop(): void {
    if (isRunning(this.state)) this.send({ kind: "stop" });
  }

  load(model: string): void {
    problemDismissed(this.state);
    this.send({ kind: "load", model });
  }

  setView(view: ViewMode): void {
    if (view === this.state.view) return;
    viewChosen(this.state, view);
    this.ui.shownAt = this.options.clock.now();
    this.want();
    this.writeAddress();
    this.touch();
  }

  toggleTopCount(): void {
    this.settings.topCount = this.settings.topCount === 5 ? 20 : 5;
    this.ui.topCount = this.settings.topCount;
    this.remember();
  }

  focusPrompt(): void {
    this.dock.prompt.focus();
  }

  chooseModel(): void {
    this.dock.models.focus();
  }

  resetCamera(): void {
    this.graphics.picture?.pointer.resetCamera();
  }

  orbit(yaw: number, pitch: number): void {
    const pixelsPerRadian = 200;
    this.graphics.picture?.pointer.orbit(yaw * pixelsPerRadian, -pitch * pixelsPerRadian);
    this.graphics.picture?.pointer.release();
  }

  zoom(factor: number): void {
    this.graphics.picture?.pointer.zoom(factor);
  }

  toggleHelp(): void {
    this.help.toggle();
  }

  retryConnection(): void {
    this.options.source.retryNow();
  }

  rebuildGraphics(): void {
    this.graphics.retry();
  }

  replayAgain(): void {
    if (!(this.options.source instanceof RecordingSource)) return;
    restarted(this.state);
    this.options.source.rewind();
  }

  dismissProblem(): void {
    problemDismissed(this.state);
    this.touch();
  }

  reload(): void {
    location.reload();
  }

  // ---------------------------------------------------------------------------- pointer

  target(): PointerTarget | null {
    return this.graphics.picture?.pointer ?? null;
  }

  scale(): number {
    return 1 / this.size.current.scale;
  }

  awake(): void {
    this.awakeUntil = this.options.clock.now() + AWAKE;
  }

  // ------------------------------------------------------------------------------ inside

  private send(command: Command): void {
    this.options.source.send(command);
  }

  /** Say what this page looks at now. */
  private want(): void {
    const parts = document.hidden ? NONE : PARTS[this.state.view];
    this.send({ kind: "want", parts, attention: [] });
  }

  private connected(connection: Connection): void {
    connectionChanged(this.state, connection);
    if (connection.phase === "open") void this.dock.models.refresh();
    this.touch();
  }

  private receive(message: Message): void {
    this.queue.push(message);
    if (message.kind === "frame") this.note(message);
    if (this.queue.full) this.drain();
  }

  /** Remember when the frame was made and when it came, until it is drawn. */
  private note(frame: Frame): void {
    this.metrics.received++;
    if (document.hidden || (frame.events.length === 0 && frame.state.length === 0)) return;
    if (this.fresh.length < 64) this.fresh.push({ time: frame.time, arrived: performance.now() });
  }

  private draw(now: number): void {
    const { picture } = this.graphics;
    if (!picture) return;
    const size = this.size.take();
    if (size) this.resize(picture, size);
    picture.draw(now, this.state, this.ui);
    this.metrics.frames++;
    this.measureLatency();
  }

  private resize(picture: Picture, size: CanvasSize): void {
    picture.resize(size);
    this.root.style.setProperty("--scale", String(size.scale));
  }

  private measureLatency(): void {
    if (this.fresh.length === 0) return;
    const submitted = performance.now();
    const { source, clock } = this.options;
    const offset = source instanceof SocketSource ? source.clockOffset : Number.NaN;
    const serverNow = clock.now() + offset;
    for (const { time, arrived } of this.fresh) {
      this.metrics.inPage.push(submitted - arrived);
      if (!Number.isNaN(serverNow)) this.metrics.latency.push((serverNow - time) * 1000);
    }
    this.fresh.length = 0;
  }

  private showDom(now: number): void {
    const { phase } = this.state.connection;
    if (this.dirty) {
      this.dock.update(this.state);
      this.root.dataset.view = this.state.view;
    }
    const ticking = phase === "waiting" || this.state.rejected !== null;
    if (this.dirty || ticking) this.messages.update(this.specs(now));
    const awake = now < this.awakeUntil ? "true" : "false";
    if (this.root.dataset.awake !== awake) this.root.dataset.awake = awake;
    const place = this.graphics.picture?.controls;
    if (place && place !== this.placed) this.place(place);
    this.mirror.update(this.state, now);
    this.dirty = false;
  }

  /** Messages stand over the middle of what the instruments leave free, as the dock does. */
  private place(rect: Rect): void {
    this.placed = rect;
    this.dock.place(rect);
    this.messages.element.style.left = `${rect.x + rect.width / 2}px`;
  }

  private specs(now: number): readonly MessageSpec[] {
    const { connection, problem, rejected } = this.state;
    const calm = connection.phase === "open" && !problem && !rejected && !this.fetcher.notice;
    if (calm && this.graphics.phase.phase === "ready") return NOTHING;
    return messagesFor(this.state, this.graphics.phase, this.fetcher.notice, now);
  }

  private equip(picture: Picture): void {
    this.metrics.rebuilds = this.graphics.rebuilds;
    this.resize(picture, this.size.current);
    if (this.fetcher.positions) picture.setPositions(this.fetcher.positions, this.options.clock.now());
  }

  private listen(): void {
    const { signal } = this.ending;
    listenToKeys(this, signal);
    new Pointer(this.canvas, this.ui, this, signal);
    const motion = matchMedia("(prefers-reduced-motion: reduce)");
    this.ui.reducedMotion = motion.matches;
    motion.addEventListener(
      "change",
      () => {
        this.ui.reducedMotion = motion.matches;
      },
      { signal },
    );
    document.addEventListener("visibilitychange", () => this.want(), { signal });
    window.addEventListener("online", () => this.retryConnection(), { signal });
    window.addEventListener("popstate", () => this.readAddress(), { signal });
  }

  private remember(): void {
    saveSettings(this.options.storage, this.settings);
    this.touch();
  }

  private readAddress(): void {
    const { view, layer, head } = readUrl(location.search);
    viewChosen(this.state, view);
    headSelected(this.state, layer, head);
    this.want();
    this.touch();
  }

  private writeAddress(): void {
    const search = writeUrl(location.search, urlStateOf(this.state));
    history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
  }
}
