import type { AppState } from "../state/state";
import { Glyphs } from "../text/glyphs";
import { CanvasRasterizer } from "../text/rasterizer";
import { Header } from "./header";
import type { Hit, HitKind } from "./hits";
import type { HudPointerEvent, InstrumentView } from "./instrument";
import { instrumentOf } from "./instruments";
import { brackets } from "./kit/frame";
import { HEADING } from "./kit/heading";
import type { Layout, Panel } from "./layout";
import { progress } from "./motion";
import { Scene } from "./scene";
import { color, fontStack, motion } from "./theme";
import { drawTooltip } from "./tooltip";
import { createHudUi, type HudHost, type HudUi } from "./ui";

export type { HudUi } from "./ui";

const NO_HOST: HudHost = { send: () => {}, toggleTopCount: () => {}, focus: () => {} };

const CURSORS: Partial<Record<HitKind, string>> = {
  token: "pointer",
  "top-count": "pointer",
  entropy: "pointer",
  "heat-cell": "crosshair",
  head: "pointer",
  layer: "pointer",
  column: "pointer",
  position: "pointer",
  slider: "ew-resize",
  button: "pointer",
  tab: "pointer",
};

/** The head-up display: one scene, built anew each frame from state, layout and clock. Lives on the CPU alone. */
export class Hud {
  readonly scene: Scene;
  readonly ui: HudUi;
  private missing = 0;
  /** The region a press was taken by, until its release. */
  private held: Hit | null = null;
  private readonly header = new Header();
  private readonly views = new Map<string, InstrumentView>();

  /** Throws where the browser can't draw glyphs. Load the font first, or call `fontChanged` when it comes. */
  constructor(host: HudHost = NO_HOST, glyphs = new Glyphs(new CanvasRasterizer(fontStack))) {
    this.scene = new Scene(glyphs);
    this.ui = createHudUi(host);
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
    for (const panel of layout.panels) this.drawPanel(state, panel, now);
    ui.hits.owner = "";
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

  /** Something happened at a place; true when an instrument has taken it. */
  pointer(event: HudPointerEvent, state: AppState): boolean {
    const { ui } = this;
    const follows = event.type === "drag" || event.type === "release";
    const found = follows ? this.held : ui.hits.find(event.x, event.y);
    if (!found) return false;
    const hit = { ...found };
    const taken = this.views.get(hit.owner)?.pointer?.(hit, event, state, ui) ?? false;
    if (event.type === "press") this.held = taken ? hit : null;
    else if (event.type === "release") this.held = null;
    return taken;
  }

  /** What the pointer looks like at a place, as in CSS. */
  cursor(x: number, y: number): string {
    const kind = this.ui.hits.find(x, y)?.kind;
    return (kind && CURSORS[kind]) ?? "default";
  }

  private drawPanel(state: AppState, panel: Panel, now: number): void {
    const view = this.viewOf(panel.id);
    if (!view) return;
    const { ui } = this;
    const { rect } = panel;
    ui.hits.owner = panel.id;
    ui.focused = panel.focused;
    ui.hits.add("title", 0, rect.x, rect.y, rect.width, HEADING);
    view.draw(state, rect, now, ui);
  }

  /** What draws an instrument, made when it first comes on show. */
  private viewOf(id: string): InstrumentView | undefined {
    let view = this.views.get(id);
    if (!view) {
      view = instrumentOf(id)?.create(this.scene);
      if (view) this.views.set(id, view);
    }
    return view;
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
