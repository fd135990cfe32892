import { instrumentFocused, problemDismissed, restarted, viewChosen } from "../state/reduce";
import { isRunning, mayRun } from "../state/select";
import { generateCommand, type Settings } from "../state/settings";
import type { AppState, ViewMode } from "../state/state";
import type { Command } from "../telemetry/protocol.gen";
import { RecordingSource } from "../telemetry/replay";
import type { FrameSource } from "../telemetry/source";
import type { Actions } from "./actions";
import type { Clock } from "./clock";
import type { Dock } from "./controls/dock";
import type { Help } from "./controls/help";
import type { GraphicsKeeper } from "./graphics";
import type { UiState } from "./picture";

/** Logical pixels of dragging that turn the cloud by a radian. */
const PIXELS_PER_RADIAN = 200;

/** What actions act on. */
export interface Page {
  readonly state: AppState;
  readonly settings: Settings;
  readonly ui: UiState;
  readonly clock: Clock;
  readonly source: FrameSource;
  readonly graphics: GraphicsKeeper;
  readonly dock: Dock;
  readonly help: Help;
  /** Settings have changed. */
  remember(): void;
  /** Another view is shown. */
  viewChanged(): void;
  /** Look at all controls and messages once more. */
  touch(): void;
}

/** The actions of the page, however they were asked for. */
export class PageActions implements Actions {
  constructor(private readonly page: Page) {}

  generate(): void {
    if (!mayRun(this.page.state)) return;
    this.page.remember();
    this.page.source.send(generateCommand(this.page.settings));
  }

  togglePlay(): void {
    const { state, source, settings } = this.page;
    if (state.run?.state?.phase === "paused") source.send({ kind: "resume" });
    else if (isRunning(state)) source.send({ kind: "pause" });
    else if (settings.prompt.trim() !== "") this.generate();
    else this.focusPrompt();
  }

  step(): void {
    if (isRunning(this.page.state)) this.page.source.send({ kind: "step" });
  }

  stop(): void {
    if (isRunning(this.page.state)) this.page.source.send({ kind: "stop" });
  }

  load(model: string): void {
    this.page.source.send({ kind: "load", model });
    this.dismissProblem();
  }

  setView(view: ViewMode): void {
    const { state, ui, clock } = this.page;
    if (view === state.view) return;
    viewChosen(state, view);
    ui.shownAt = clock.now();
    this.page.viewChanged();
  }

  focus(id: string | null): void {
    const { state, ui, clock } = this.page;
    if (id === state.focus) return;
    instrumentFocused(state, id);
    ui.shownAt = clock.now();
    this.page.viewChanged();
  }

  send(command: Command): void {
    this.page.source.send(command);
  }

  toggleTopCount(): void {
    const { settings, ui } = this.page;
    settings.topCount = settings.topCount === 5 ? 20 : 5;
    ui.topCount = settings.topCount;
    this.page.remember();
  }

  focusPrompt(): void {
    this.page.dock.prompt.focus();
  }

  chooseModel(): void {
    this.page.dock.models.focus();
  }

  resetCamera(): void {
    this.page.graphics.picture?.pointer.resetCamera();
  }

  orbit(yaw: number, pitch: number): void {
    const pointer = this.page.graphics.picture?.pointer;
    pointer?.orbit(yaw * PIXELS_PER_RADIAN, -pitch * PIXELS_PER_RADIAN);
    pointer?.release();
  }

  zoom(factor: number): void {
    this.page.graphics.picture?.pointer.zoom(factor);
  }

  toggleHelp(): void {
    this.page.help.toggle();
  }

  retryConnection(): void {
    this.page.source.retryNow();
  }

  rebuildGraphics(): void {
    this.page.graphics.retry();
  }

  replayAgain(): void {
    const { source, state } = this.page;
    if (!(source instanceof RecordingSource)) return;
    restarted(state);
    source.rewind();
  }

  dismissProblem(): void {
    problemDismissed(this.page.state);
    this.page.touch();
  }

  reload(): void {
    location.reload();
  }
}
