import type { AppState } from "../state/state";
import type { Positions } from "../telemetry/resources";
import type { CanvasSize } from "./canvas_size";
import type { Rect } from "./controls/dock";

/** What a picture needs to know of the page besides the state. */
export interface UiState {
  topCount: number;
  reducedMotion: boolean;
  /** Clock time at which the present view was chosen. */
  shownAt: number;
  /** Logical pixels of the canvas; NaN when the pointer is elsewhere, or drags. */
  pointerX: number;
  pointerY: number;
}

/** All that is drawn: the one owner of the GPU device. Built anew after a device loss. */
export interface Picture {
  resize(size: CanvasSize): void;
  /** One frame at clock time `time`, submitted to the GPU. */
  draw(time: number, state: AppState, ui: UiState): void;
  setPositions(positions: Positions | null, time: number): void;
  /** Where the DOM controls go, in logical pixels. */
  readonly controls: Rect | null;
  readonly pointer: PointerTarget;
  /** Resolves with a sentence when the device is lost. */
  readonly lost: Promise<string>;
  /** Resolves when the GPU has done all that was submitted. */
  idle(): Promise<void>;
  /** For tests: lose the device as a driver would. */
  loseDevice(): void;
  destroy(): void;
}

/** What the pointer and the keys act on. Distances in logical pixels. */
export interface PointerTarget {
  /** What an instrument under a press does; null where there is none. */
  press(x: number, y: number): "top-count" | null;
  orbit(dx: number, dy: number): void;
  pan(dx: number, dy: number): void;
  /** Above 1 is nearer. */
  zoom(factor: number): void;
  /** True when an instrument under the pointer scrolls. */
  scroll(x: number, y: number, dy: number): boolean;
  /** The drag ended: what moved goes on by its inertia. */
  release(): void;
  resetCamera(): void;
}

/** Why there is no picture. Codes as in `messages.ts`. */
export class PictureError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly hint: string,
  ) {
    super(message);
  }
}
