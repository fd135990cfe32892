import type { Cockpit } from "../hud/cockpit";
import type { HudPointerEvent } from "../hud/instrument";
import type { Layout } from "../hud/layout";
import type { QrCode } from "../hud/qr";
import type { Transport } from "../hud/timeline/transport";
import type { AppState } from "../state/state";
import type { ArchiveSource } from "../telemetry/archive_source";
import type { Positions } from "../telemetry/resources";
import type { CanvasSize } from "./canvas_size";

/** What a picture needs to know of the page besides the state. */
export interface UiState {
  topCount: 5 | 20;
  reducedMotion: boolean;
  /** The kept run on show; null for a stream. */
  readonly replay: ArchiveSource | null;
  readonly transport: Transport;
  /** Seconds that the page's clock is ahead of that of what is shown: 0 but in a replay. */
  lag: number;
  /** A code shown over the picture, for a room. */
  qr: QrCode | null;
  /** The instruments have the room of the controls, which then stand over them: while the page is filmed. */
  bare: boolean;
  /** Which instruments stand where. */
  readonly cockpit: Cockpit;
  /** Clock time at which the present view was chosen. */
  shownAt: number;
  /** Logical pixels of the canvas; NaN when the pointer is elsewhere, or drags. */
  pointerX: number;
  pointerY: number;
}

/** A canvas that a picture is drawn on instead of the page's: for an export. */
export interface Easel {
  readonly canvas: OffscreenCanvas;
  readonly size: CanvasSize;
}

/** All that is drawn: the one owner of the GPU device. Built anew after a device loss. */
export interface Picture {
  resize(size: CanvasSize): void;
  /** One frame, submitted to the GPU: of what is shown at `time`, while the page's own clock says `clock`. */
  draw(time: number, clock: number, state: AppState, ui: UiState): void;
  /** The GPU has all the frames that it may have: another one would only wait. */
  readonly behind: boolean;
  /** What has arrived by clock time `time` goes to the GPU, and is drawn by a later frame. */
  takeIn(time: number, state: AppState): void;
  /** Something happened at clock time `time`, and more may happen before a frame is drawn. */
  observe(time: number, state: AppState): void;
  /** Something else was selected: what it needs is asked for now, and not at the next frame. */
  ask(state: AppState): void;
  /** A replay went elsewhere: nothing counts that was seen before clock time `before`. */
  forget(before: number): void;
  /** To the next surprising moment of the timeline, or the one before. */
  jumpToMark(direction: 1 | -1): void;
  setPositions(positions: Positions | null, time: number): void;
  /** From now on everything is drawn on `easel`, at its size; with null on the page's canvas again. */
  moveTo(easel: Easel | null): void;
  /** Where everything stands; null before the first frame. */
  readonly layout: Layout | null;
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
  /** True when an instrument takes it; with a press it takes the drag that follows. */
  hud(event: HudPointerEvent): boolean;
  /** A panel or divider that is being moved goes back to where it was. False: there is none. */
  cancelMove(): boolean;
  /** As in CSS: what the pointer looks like here. */
  cursor(x: number, y: number): string;
  orbit(dx: number, dy: number): void;
  pan(dx: number, dy: number): void;
  /** Above 1 is nearer. */
  zoom(factor: number): void;
  /** The drag ended: what moved goes on by its inertia. */
  release(): void;
  resetCamera(): void;
  /** Where the camera is going, for the page's address; null at its home. */
  goal(): readonly number[] | null;
  goTo(goal: readonly number[]): void;
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
