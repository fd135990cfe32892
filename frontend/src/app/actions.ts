import type { ArrangingHost } from "../hud/arranging";
import type { Option } from "../hud/instrument";
import type { Layout } from "../hud/layout";
import type { HudHost } from "../hud/ui";
import type { Preset } from "../state/state";

/** Everything a person can make the page do, whatever they do it with. */
export interface Actions extends HudHost, ArrangingHost {
  /** Start a run with the settings and the prompt as they are. */
  generate(): void;
  /** Pause a running run, go on with a paused one, start one when there is none. */
  togglePlay(): void;
  step(): void;
  /** In a replay, the token before; else the moment before. */
  stepBack(): void;
  /** In a replay, along it by a token; else around the nebula by `turn` radians. */
  along(direction: 1 | -1, turn: number): void;
  /** The beginning of a replay, the first moment of a run; and the end of it. */
  toStart(): void;
  toEnd(): void;
  /** Of a replay. */
  changeSpeed(by: number): void;
  /** To the next surprising moment, or the one before. */
  jumpToMark(direction: 1 | -1): void;
  /** The run from its beginning to now, along the lower edge. */
  toggleTimeline(): void;
  /** The list of kept runs. */
  showSessions(): void;
  /** Share links: make, list, revoke. */
  showShare(): void;
  /** Whether a replay plays; null where there is none. */
  playing(): boolean | null;
  stop(): void;
  load(model: string): void;
  /** Focus what is pointed at; from a focused instrument back to the cockpit. */
  toggleFocus(): void;
  /** Leave what can be left: a focused instrument, a pinned moment; else stop the run. */
  back(): void;
  setPreset(preset: Preset): void;
  /** Instruments with the nebula, or without. */
  toggleNebula(): void;
  /** Bring an instrument into the cockpit, to the front. */
  showInstrument(id: string): void;
  /** Where everything stands; null before the first frame. */
  layout(): Layout | null;
  /** A key for what a focused instrument shows of its matrix or map: nearer, along it, all of it. False: not for that. */
  steer(key: string): boolean;
  /** All instruments of the preset where they were at first. */
  resetArrangement(): void;
  /** The moment on show; null is now. */
  selectStep(step: number | null): void;
  moveStep(by: number): void;
  selectHead(layer: number, head: number): void;
  moveHead(layers: number, heads: number): void;
  /** A scale or a mode of an instrument. */
  setOption(option: Option, value: string): void;
  togglePalette(): void;
  /** A picture or a film of what is on show, to keep. */
  exportView(kind: "picture" | "film"): void;
  focusPrompt(): void;
  chooseModel(): void;
  resetCamera(): void;
  /** Turn the camera by this many radians. */
  orbit(yaw: number, pitch: number): void;
  /** Above 1 is nearer. */
  zoom(factor: number): void;
  toggleHelp(): void;
  retryConnection(): void;
  rebuildGraphics(): void;
  replayAgain(): void;
  dismissProblem(which?: "problem" | "room"): void;
  reload(): void;
}
