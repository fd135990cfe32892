import { type Arrangement, shown } from "../hud/arrangement";
import type { Option } from "../hud/instrument";
import type { Layout } from "../hud/layout";
import { choose } from "../hud/options";
import {
  headSelected,
  instrumentFocused,
  optionSet,
  presetChosen,
  problemDismissed,
  restarted,
  stepSelected,
  viewChosen,
} from "../state/reduce";
import type { Requests } from "../state/requests";
import { isRunning, mayRun, type Needs } from "../state/select";
import { generateCommand, promptRefusal, type Settings } from "../state/settings";
import type { AppState, Preset } from "../state/state";
import type { Command } from "../telemetry/protocol.gen";
import type { FrameSource } from "../telemetry/source";
import { recordingOf } from "../telemetry/source";
import type { Actions } from "./actions";
import type { Clock } from "./clock";
import type { Dialogs } from "./dialogs";
import type { GraphicsKeeper } from "./graphics";
import { lacking } from "./lacking";
import type { PageDom } from "./page_dom";
import type { UiState } from "./picture";
import { type LiveTransport, type ReplayTransport, TIMELINE } from "./transport";

/** Logical pixels of dragging that turn the cloud by a radian. */
const PIXELS_PER_RADIAN = 200;

const NO_MODEL = "there is no model behind it that could answer";

/** What actions act on. */
export interface Page {
  readonly state: AppState;
  readonly settings: Settings;
  readonly ui: UiState;
  readonly clock: Clock;
  readonly source: FrameSource;
  readonly requests: Requests;
  readonly graphics: GraphicsKeeper;
  readonly dom: PageDom;
  readonly transport: ReplayTransport | LiveTransport;
  /** Settings have changed. */
  remember(): void;
  /** Look at all controls and messages once more. */
  touch(): void;
  /** Say for a while that something can't be done. */
  refuse(message: string, title?: string): void;
  readonly dialogs: Dialogs;
}

/** The actions of the page, however they were asked for. */
export class PageActions implements Actions {
  constructor(private readonly page: Page) {}

  generate(): void {
    if (!mayRun(this.page.state)) return;
    const { settings, source } = this.page;
    this.page.remember();
    const refusal = promptRefusal(settings.prompt);
    if (refusal) this.page.refuse(refusal);
    else source.send(generateCommand(settings));
  }

  togglePlay(): void {
    if (this.replay) {
      this.replay.toggle();
      return;
    }
    const { state, source, settings } = this.page;
    if (state.run?.state?.phase === "paused") source.send({ kind: "resume" });
    else if (isRunning(state)) source.send({ kind: "pause" });
    else if (settings.prompt.trim() !== "") this.generate();
    else this.focusPrompt();
  }

  step(): void {
    if (this.replay) this.replay.step(1);
    else if (isRunning(this.page.state)) this.page.source.send({ kind: "step" });
  }

  stepBack(): void {
    if (this.replay) this.replay.step(-1);
    else this.moveStep(-1);
  }

  along(direction: 1 | -1, turn: number): void {
    if (!this.replay) this.orbit(direction * turn, 0);
    else if (direction > 0) this.step();
    else this.stepBack();
  }

  toStart(): void {
    if (this.replay) this.replay.seek(-1);
    else this.selectStep(0);
  }

  toEnd(): void {
    if (this.replay) this.replay.end();
    this.selectStep(null);
  }

  changeSpeed(by: number): void {
    this.replay?.changeSpeed(by);
  }

  jumpToMark(direction: 1 | -1): void {
    this.page.graphics.picture?.jumpToMark(direction);
  }

  toggleTimeline(): void {
    const { state } = this.page;
    optionSet(state, TIMELINE, state.options.has(TIMELINE) ? null : "on");
    this.page.touch();
  }

  showShare(): void {
    const lack = "there is no server behind it that makes links. Its address can be passed on as it is";
    if (this.offered("owner", lack)) this.page.dialogs.openShare();
  }

  showSessions(): void {
    if (this.offered("owner", "there is no server behind it that keeps others"))
      this.page.dialogs.openSessions();
  }

  playing(): boolean | null {
    return this.replay?.playing ?? null;
  }

  /** Whether the server behind the page does that for it; if not, or if there is none, it says so. */
  private offered(needs: Needs, alone: string): boolean {
    const lack = lacking(this.page.state, needs, alone);
    if (lack) this.page.refuse(lack.message, lack.title);
    return lack === null;
  }

  private get replay(): ReplayTransport | null {
    const { transport } = this.page;
    return transport.replay ? transport : null;
  }

  stop(): void {
    if (isRunning(this.page.state)) this.page.source.send({ kind: "stop" });
  }

  load(model: string): void {
    this.page.source.send({ kind: "load", model });
    this.dismissProblem();
  }

  setPreset(preset: Preset): void {
    this.show(() => presetChosen(this.page.state, preset));
  }

  toggleNebula(): void {
    const { state } = this.page;
    this.show(() => viewChosen(state, state.view === "hud" ? "both" : "hud"));
  }

  focus(id: string | null): void {
    this.show(() => instrumentFocused(this.page.state, id));
  }

  /** The instrument under the pointer, or the first one; from a focused one back to the cockpit. */
  toggleFocus(): void {
    const { state, ui } = this.page;
    if (state.focus !== null) {
      this.focus(null);
      return;
    }
    const panels = this.layout()?.panels ?? [];
    const { pointerX: x, pointerY: y } = ui;
    const under = panels.find(
      ({ rect: r }) => x >= r.x && x < r.x + r.width && y >= r.y && y < r.y + r.height,
    );
    this.focus((under ?? panels[0])?.id ?? null);
  }

  /** What Escape does: the nearest thing that can be left. */
  back(): void {
    const { state, ui, graphics } = this.page;
    if (graphics.picture?.pointer.cancelMove()) return;
    if (ui.qr !== null) ui.qr = null;
    else if (state.focus !== null) this.focus(null);
    else if (state.selection.step !== null) this.selectStep(null);
    else this.stop();
  }

  selectStep(step: number | null): void {
    stepSelected(this.page.state, step);
    this.page.touch();
  }

  /** Along the run by tokens, from the moment on show. */
  moveStep(by: number): void {
    const { selection, run } = this.page.state;
    const newest = this.page.state.tokens.at(-1)?.event.step;
    if (!run || newest === undefined) return;
    const step = Math.max(0, (selection.step ?? newest) + by);
    this.selectStep(step >= newest ? null : step);
  }

  selectHead(layer: number, head: number): void {
    const { state } = this.page;
    const { model } = state;
    if (!model) return;
    const inside = (value: number, count: number): number =>
      Math.min(Math.max(0, value), Math.max(0, count - 1));
    headSelected(state, inside(layer, model.n_layer), inside(head, model.n_head));
    this.page.touch();
  }

  moveHead(layers: number, heads: number): void {
    const { layer, head } = this.page.state.selection;
    this.selectHead(layer + layers, head + heads);
  }

  setOption(option: Option, value: string): void {
    choose(this.page.state, option, value);
    this.page.touch();
  }

  arrangement(): Arrangement {
    return this.page.ui.cockpit.of(this.page.state.preset);
  }

  arrange(arrangement: Arrangement, last: boolean): void {
    const { cockpit } = this.page.ui;
    cockpit.set(this.page.state.preset, arrangement);
    if (last) cockpit.save();
  }

  layout(): Layout | null {
    return this.page.graphics.picture?.layout ?? null;
  }

  steer(key: string): boolean {
    const { state } = this.page;
    const { focus, options } = state;
    if (focus !== "attention" && focus !== "rope") return false;
    // What has not been come near to has nowhere to go: the key does what it always does.
    if (!"+=-_".includes(key) && !options.has(`${focus}.window`)) return false;
    import("./controls/steer").then(
      ({ steerBy }) => {
        steerBy(state, key);
        this.page.touch();
      },
      () => this.page.refuse("What the keys do here could not be loaded; try again."),
    );
    return true;
  }

  /** Brings an instrument into the cockpit, or to the front of its place. */
  showInstrument(id: string): void {
    const { state, ui } = this.page;
    if (state.preset === "nebula") this.setPreset("everything");
    const arrangement = ui.cockpit.of(state.preset);
    instrumentFocused(state, null);
    this.arrange(shown(arrangement, id), true);
    this.page.touch();
  }

  resetArrangement(): void {
    this.page.ui.cockpit.reset(this.page.state.preset);
    this.page.touch();
  }

  togglePalette(): void {
    this.page.dom.palette.toggle();
  }

  exportView(kind: "picture" | "film"): void {
    this.page.dialogs.openExport(kind);
  }

  private show(change: () => void): void {
    const { state, ui, clock } = this.page;
    const { view } = state;
    change();
    if (state.view !== view) ui.shownAt = clock.now();
    this.page.touch();
  }

  send(command: Command): void {
    this.page.source.send(command);
  }

  readonly ask: Requests["ask"] = (slot, asked, done, refused) =>
    this.page.requests.ask(slot, asked, done, refused);

  toggleTopCount(): void {
    const { settings, ui } = this.page;
    ui.topCount = ui.topCount === 5 ? 20 : 5;
    settings.topCount = ui.topCount;
    this.page.remember();
  }

  focusPrompt(): void {
    if (this.offered("controller", NO_MODEL)) this.page.dom.dock.prompt.focus();
  }

  chooseModel(): void {
    if (this.offered("owner", NO_MODEL)) this.page.dom.dock.chooseModel();
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
    this.page.dialogs.toggleHelp();
  }

  retryConnection(): void {
    this.page.source.retryNow();
  }

  rebuildGraphics(): void {
    this.page.graphics.retry();
  }

  replayAgain(): void {
    const { source, state } = this.page;
    const recording = recordingOf(source);
    if (!recording) return;
    restarted(state);
    recording.rewind();
  }

  dismissProblem(which: "problem" | "room" = "problem"): void {
    problemDismissed(this.page.state, which);
    this.page.touch();
  }

  reload(): void {
    location.reload();
  }
}
