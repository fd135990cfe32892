import type { AppState } from "../state/state";
import { Glyphs } from "../text/glyphs";
import { CanvasRasterizer } from "../text/rasterizer";
import { Header } from "./header";
import { brackets } from "./kit/frame";
import type { Layout } from "./layout";
import { Monitor } from "./monitor";
import { createMonitorUi, type MonitorUi } from "./monitor_ui";
import { progress } from "./motion";
import { Scene } from "./scene";
import { color, fontStack, motion } from "./theme";
import { drawTooltip, type Pointed } from "./tooltip";

/** What the person did to the HUD; the page's pointer and keyboard code writes it. */
export interface HudUi extends MonitorUi {
  /** The token under the pointer. */
  pointed: Pointed | null;
}

/** The head-up display: one scene, built anew each frame from state, layout and clock. Lives on the CPU alone. */
export class Hud {
  readonly scene: Scene;
  readonly ui: HudUi = { ...createMonitorUi(), pointed: null };
  private missing = 0;
  private readonly header = new Header();
  private readonly monitor: Monitor;

  /** Throws where the browser can't draw glyphs. Load the font first, or call `fontChanged` when it comes. */
  constructor(glyphs = new Glyphs(new CanvasRasterizer(fontStack))) {
    this.scene = new Scene(glyphs);
    this.monitor = new Monitor(this.scene);
  }

  /** Builds the scene of this frame. `now` is the page's clock in seconds. */
  draw(state: AppState, layout: Layout, dpr: number, now: number): Scene {
    const { scene, ui } = this;
    scene.reset(layout.width, layout.height, dpr);
    ui.hits.reset();
    if (layout.header) {
      scene.grid(0, 0, layout.width, layout.height, color.grid);
      this.header.draw(scene, state, layout.header);
    }
    if (layout.monitor) this.monitor.draw(state, layout.monitor, now, ui);
    if (layout.header && layout.nebula) {
      const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
      brackets(scene, layout.nebula, drawn, false, color.muted, false);
    }
    scene.endLayer();
    if (ui.pointed) drawTooltip(scene, ui.pointed, layout.width, layout.height);
    scene.endLayer();
    if (import.meta.env.DEV) this.warn();
    return scene;
  }

  /** Tells a developer, once each time it gets worse, that something is missing from the picture. */
  private warn(): void {
    const missing = this.scene.overflow + this.scene.glyphs.atlas.refused;
    if (missing <= this.missing) return;
    this.missing = missing;
    console.warn(
      `HUD: ${this.scene.overflow} items and ${this.scene.glyphs.atlas.refused} glyphs had no room`,
    );
  }

  /** Draws every glyph anew: the bundled font has loaded. */
  fontChanged(): void {
    this.scene.glyphs.clear();
  }
}
