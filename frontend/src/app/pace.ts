import { runFrames } from "./frame_loop";
import type { Picture } from "./picture";

/** The page as its animation frames see it. */
export interface Paced {
  readonly graphics: { readonly picture: Picture | null };
  readonly signal: AbortSignal;
  /** False while an export draws by itself. */
  readonly ownPace: boolean;
  /** Everything of one animation frame. */
  tick(): void;
  /** What can't wait while no frame is drawn. */
  tend(): void;
  /** What has arrived goes to the GPU, and is drawn by a later frame. */
  handOver(picture: Picture): void;
}

/**
 * From now on: a picture with each animation frame; or, while the GPU is behind, what can't wait for one.
 * What it gives back is to be called when a message has come, which then goes to such a GPU at once.
 */
export function keepPace(page: Paced): () => void {
  const hasten = (): boolean => {
    const { picture } = page.graphics;
    if (!page.ownPace || !picture?.behind) return false;
    page.tend();
    page.handOver(picture);
    return true;
  };
  const frame = (): Promise<void> | null => {
    if (!page.ownPace) return null;
    if (hasten()) return page.graphics.picture?.idle() ?? null;
    page.tick();
    return null;
  };
  runFrames(frame, () => page.ownPace && page.tend(), page.signal);
  return hasten;
}
