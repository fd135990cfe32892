import type { Layout, Panel, Rect } from "./layout";
import { clamp01 } from "./motion";
import { motion } from "./theme";

/** A panel's place before it moved, or went. */
export interface Ghost {
  readonly rect: Rect;
  readonly since: number;
}

interface Shown {
  rect: Rect;
  since: number;
  focused: boolean;
}

/**
 * When each panel came to its place: brackets shrink to nothing at the old corners and draw in at the new ones,
 * then the content comes. A window that is resized, a divider that is dragged, or a picture that is saved, which
 * has no controls, moves panels without ado.
 */
export class PanelMotion {
  readonly ghosts: Ghost[] = [];
  private readonly shown = new Map<string, Shown>();
  private layout: Layout | null = null;

  /** `calm`: nothing shall draw itself in. */
  follow(layout: Layout, now: number, calm: boolean): void {
    while (this.ghosts.length > 0 && now - this.ghosts[0]!.since > motion.contentDelay) this.ghosts.shift();
    if (layout === this.layout) return;
    const still = calm || (this.layout !== null && !sameScreen(this.layout, layout));
    for (const [id, { rect }] of this.shown) {
      if (layout.panels.some((panel) => panel.id === id)) continue;
      if (!still) this.ghosts.push({ rect, since: now });
      this.shown.delete(id);
    }
    for (const panel of layout.panels) this.place(panel, now, still);
    this.layout = layout;
  }

  /** Clock time since when a panel stands where it is. */
  since(id: string): number {
    const shown = this.shown.get(id);
    return shown ? shown.since : Number.NEGATIVE_INFINITY;
  }

  /** 0 to 1: how much of a panel's content is there. */
  content(id: string, now: number): number {
    return clamp01((now - this.since(id) - motion.contentDelay) / motion.contentFade);
  }

  /** 0 to 1: how much of a ghost's brackets is left. */
  static left(ghost: Ghost, now: number): number {
    return 1 - clamp01((now - ghost.since) / motion.contentDelay);
  }

  private place({ id, rect, focused }: Panel, now: number, still: boolean): void {
    const held = this.shown.get(id);
    if (!held) {
      this.shown.set(id, { rect, since: still ? Number.NEGATIVE_INFINITY : now, focused });
      return;
    }
    if (!still && (held.focused !== focused || !sameRect(held.rect, rect))) {
      this.ghosts.push({ rect: held.rect, since: now });
      held.since = now;
    }
    held.rect = rect;
    held.focused = focused;
  }
}

function sameScreen(a: Layout, b: Layout): boolean {
  const both = (a.controls === null) === (b.controls === null);
  return both && a.width === b.width && a.height === b.height;
}

function sameRect(a: Rect, b: Rect): boolean {
  return a.x === b.x && a.y === b.y && a.width === b.width && a.height === b.height;
}
