import type { HudHost } from "../hud/ui";
import type { ViewMode } from "../state/state";

/** Everything a person can make the page do, whatever they do it with. */
export interface Actions extends HudHost {
  /** Start a run with the settings and the prompt as they are. */
  generate(): void;
  /** Pause a running run, go on with a paused one, start one when there is none. */
  togglePlay(): void;
  step(): void;
  stop(): void;
  load(model: string): void;
  setView(view: ViewMode): void;
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
  dismissProblem(): void;
  reload(): void;
}
