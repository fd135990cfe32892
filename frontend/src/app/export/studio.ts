import type { AppState } from "../../state/state";
import type { FrameSource } from "../../telemetry/source";
import type { CanvasSize } from "../canvas_size";
import type { Clock } from "../clock";
import type { Picture } from "../picture";

/** What an export needs of the page. */
export interface Studio {
  readonly state: AppState;
  readonly clock: Clock;
  readonly source: FrameSource;
  readonly graphics: { readonly picture: Picture | null };
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly screen: CanvasSize;
  /** Whether the page draws a frame whenever the browser is ready for one. */
  ownPace: boolean;
  /** Whether the picture on the page's canvas leaves no room for the controls. */
  readonly ui: { bare: boolean };
  /** Called after each frame that was drawn. */
  drawn: (() => void) | null;
  /** Something is asked for, or has arrived and is not applied yet. */
  readonly busy: boolean;
  /** One frame at the clock's time. */
  tick(): void;
}

/** An export that can't go on; the message is a sentence for a person. */
export class ExportError extends Error {
  override readonly name = "ExportError";
}

export function pictureOf(studio: Studio): Picture {
  const { picture } = studio.graphics;
  if (!picture) throw new ExportError("There is no picture now: the graphics are not ready.");
  return picture;
}
