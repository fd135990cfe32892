import type { Graphics } from "./messages";
import { type Picture, PictureError } from "./picture";

/** Losses within so many seconds after which the page no longer rebuilds unasked. */
const LOSSES = 3;
const WITHIN = 30;

/**
 * Keeps a picture alive: builds it, and builds it anew through the very same path when the
 * GPU device is lost.
 */
export class GraphicsKeeper {
  picture: Picture | null = null;
  phase: Graphics = { phase: "starting" };
  rebuilds = 0;
  private losses: number[] = [];
  private building = false;
  private closed = false;

  constructor(
    private readonly build: () => Promise<Picture>,
    /** A new picture stands: give it the size, the positions, all that it can't know. */
    private readonly ready: (picture: Picture) => void,
    private readonly changed: () => void,
    private readonly now: () => number,
  ) {}

  async start(): Promise<void> {
    if (this.building || this.closed) return;
    this.building = true;
    try {
      const picture = await this.build();
      this.picture = picture;
      this.phase = { phase: "ready" };
      this.ready(picture);
      void picture.lost.then((message) => this.lost(picture, message));
    } catch (error) {
      this.phase = failure(error);
    } finally {
      this.building = false;
      this.changed();
    }
  }

  /** The person asks for another attempt. */
  retry(): void {
    this.losses = [];
    this.phase = { phase: "starting" };
    this.changed();
    void this.start();
  }

  close(): void {
    this.closed = true;
    this.picture?.destroy();
    this.picture = null;
  }

  private lost(picture: Picture, message: string): void {
    if (this.closed || this.picture !== picture) return;
    this.picture = null;
    picture.destroy();
    this.rebuilds++;
    const now = this.now();
    this.losses = [...this.losses.filter((time) => now - time < WITHIN), now];
    if (this.losses.length >= LOSSES) {
      this.phase = { phase: "lost", message };
    } else {
      this.phase = { phase: "rebuilding" };
      void this.start();
    }
    this.changed();
  }
}

function failure(error: unknown): Graphics {
  if (error instanceof PictureError) {
    return { phase: "failed", code: error.code, message: error.message, hint: error.hint };
  }
  console.error(error);
  const message = error instanceof Error ? error.message : String(error);
  const hint = "Reloading the page may help; the browser's console has the details.";
  return { phase: "failed", code: "device-failed", message, hint };
}
