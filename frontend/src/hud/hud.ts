import type { AppState } from "../state/state";
import { Glyphs } from "../text/glyphs";
import { CanvasRasterizer } from "../text/rasterizer";
import { Arranging, type ArrangingHost, dropRect } from "./arranging";
import { fade } from "./color";
import { Explanation } from "./explanation";
import { Header } from "./header";
import type { Hit, HitKind } from "./hits";
import type { HudPointerEvent, InstrumentView } from "./instrument";
import { instrumentOf } from "./instruments";
import { focusMark } from "./kit/focus_mark";
import { brackets, octagon } from "./kit/frame";
import { HEADING } from "./kit/heading";
import { tabs } from "./kit/tabs";
import { contains, type Layout, type Panel } from "./layout";
import { progress } from "./motion";
import { PanelMotion } from "./panel_motion";
import { drawQr } from "./qr";
import { Scene } from "./scene";
import { color, fontStack, glow, motion, text } from "./theme";
import { TimelineView } from "./timeline/timeline";
import { drawTooltip } from "./tooltip";
import { createHudUi, type HudHost, type HudUi } from "./ui";

export type { HudUi } from "./ui";

const CURSORS: Partial<Record<HitKind, string>> = {
  title: "grab",
  focus: "pointer",
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

/** What stands on an instrument's tab. */
function shortName(id: string): string {
  return instrumentOf(id)?.short ?? id;
}

/** Whose the regions of the timeline are. */
const TIMELINE = "timeline";

/** The head-up display: one scene, built anew each frame from state, layout and clock. Lives on the CPU alone. */
export class Hud {
  readonly scene: Scene;
  readonly ui: HudUi;
  readonly arranging: Arranging;
  readonly timeline: TimelineView;
  private missing = 0;
  /** The region a press was taken by, until its release, and whether the cockpit itself took it. */
  private held: Hit | null = null;
  private heldByCockpit = false;
  private layout: Layout | null = null;
  private readonly header = new Header();
  private readonly views = new Map<string, InstrumentView>();
  private readonly motion = new PanelMotion();
  private readonly explanation = new Explanation();

  /** Throws where the browser can't draw glyphs. Load the font first, or call `fontChanged` when it comes. */
  constructor(host: HudHost & ArrangingHost, glyphs = new Glyphs(new CanvasRasterizer(fontStack))) {
    this.scene = new Scene(glyphs);
    this.ui = createHudUi(host);
    this.timeline = new TimelineView(this.scene);
    this.views.set(TIMELINE, this.timeline);
    this.arranging = new Arranging(host);
  }

  /** Builds the scene of this frame: of what is shown at `now`, while the page's own clock says `clock`; seconds. */
  draw(state: AppState, layout: Layout, dpr: number, now: number, clock: number): Scene {
    const { scene, ui } = this;
    this.layout = layout;
    scene.reset(layout.width, layout.height, dpr);
    ui.hits.reset();
    scene.terms.reset();
    this.motion.follow(layout, clock, ui.reducedMotion || this.arranging.busy);
    if (layout.header) {
      scene.grid(0, 0, layout.width, layout.height, color.grid);
      this.header.draw(scene, state, layout.header);
    }
    this.addDividers(layout);
    const viewShownAt = ui.shownAt - ui.lag;
    for (let i = 0; i < layout.panels.length; i++) this.drawPanel(state, layout.panels[i]!, now, clock);
    ui.hits.owner = TIMELINE;
    if (layout.timeline) {
      this.timeline.controls = layout.controls;
      this.timeline.draw(state, layout.timeline, now, ui);
    }
    ui.shownAt = viewShownAt;
    ui.hits.owner = "";
    if (layout.header && layout.nebula) {
      const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
      brackets(scene, layout.nebula, drawn, false, color.muted, false);
    }
    this.drawChange(clock);
    this.drawDrag(layout);
    scene.endLayer();
    if (ui.pointed && !this.arranging.dragged) drawTooltip(scene, ui.pointed, layout.width, layout.height);
    else this.explanation.draw(scene, ui.pointerX, ui.pointerY, layout.width, layout.height, clock);
    scene.endLayer();
    if (ui.qr) {
      drawQr(scene, ui.qr, layout);
      scene.endLayer();
    }
    if (import.meta.env.DEV) this.warn();
    return scene;
  }

  /** Something happened to the run at `now`, and may not be drawn before more happens: those on show take it in. */
  observe(state: AppState, now: number): void {
    for (const panel of this.layout?.panels ?? []) this.viewOf(panel.id)?.observe?.(state, now, this.ui);
  }

  /** Something else was selected: those on show ask for what they lack of it. */
  ask(state: AppState): void {
    for (const panel of this.layout?.panels ?? []) this.viewOf(panel.id)?.ask?.(state, this.ui);
  }

  /** A replay went elsewhere: what was seen before `before` counts no more. */
  forget(before: number): void {
    for (const view of this.views.values()) view.forget?.(before);
  }

  /** Something happened at a place; true when an instrument, or the cockpit, has taken it. */
  pointer(event: HudPointerEvent, state: AppState): boolean {
    const { ui, layout } = this;
    const follows = event.type === "drag" || event.type === "release";
    const found = follows ? this.held : ui.hits.find(event.x, event.y);
    if (!found || !layout) return false;
    const hit = { ...found };
    const view = this.views.get(hit.owner);
    const mine = (): boolean => view?.pointer?.(hit, event, state, ui) ?? false;
    const cockpits = (): boolean => this.arranging.pointer(hit, event, layout);
    if (follows) {
      if (event.type === "release") this.held = null;
      return this.heldByCockpit ? cockpits() : mine();
    }
    const own = mine();
    const taken = own || cockpits();
    if (event.type !== "press") return taken;
    this.held = taken ? hit : null;
    this.heldByCockpit = taken && !own;
    return taken;
  }

  /** A panel or divider that is being moved goes back to where it was. False: there is none. */
  cancelMove(): boolean {
    const { arranging } = this;
    if (arranging.dragged === null && !arranging.busy) return false;
    arranging.cancel();
    this.held = null;
    return true;
  }

  /** What the pointer looks like at a place, as in CSS. */
  cursor(x: number, y: number): string {
    const hit = this.ui.hits.find(x, y);
    if (!hit) return "default";
    if (hit.kind === "divider")
      return this.layout?.dividers[hit.value]?.vertical ? "col-resize" : "row-resize";
    return CURSORS[hit.kind] ?? "default";
  }

  /** Gaps between panels can be dragged. */
  private addDividers(layout: Layout): void {
    const { scene, ui } = this;
    for (let i = 0; i < layout.dividers.length; i++) {
      const { rect, vertical } = layout.dividers[i]!;
      ui.hits.add("divider", i, rect.x, rect.y, rect.width, rect.height);
      if (!contains(rect, ui.pointerX, ui.pointerY)) continue;
      const cx = Math.round(rect.x + rect.width / 2);
      const cy = Math.round(rect.y + rect.height / 2);
      if (vertical) scene.box(cx - 1, cy - 24, 2, 48, color.data, color.clear, 0, glow.active, color.data);
      else scene.box(cx - 24, cy - 1, 48, 2, color.data, color.clear, 0, glow.active, color.data);
    }
  }

  private drawPanel(state: AppState, panel: Panel, now: number, clock: number): void {
    const view = this.viewOf(panel.id);
    if (!view) return;
    const { scene, ui } = this;
    const { rect, strip } = panel;
    ui.hits.owner = panel.id;
    ui.focused = panel.focused;
    // On the clock that instruments are drawn by.
    ui.shownAt = this.motion.since(panel.id) - ui.lag;
    if (strip) {
      tabs(scene, ui.hits, strip, panel.tabs, shortName, panel.id, ui);
    }
    ui.hits.add("title", 0, rect.x, rect.y, rect.width, HEADING);
    view.draw(state, rect, now, ui);
    const near = contains(rect, ui.pointerX, ui.pointerY);
    if (panel.focused || near) {
      brackets(scene, rect, progress(now, ui.shownAt, motion.bracketDraw), true);
    }
    focusMark(scene, ui.hits, rect, panel.focused, near, ui);
    const there = ui.reducedMotion ? 1 : this.motion.content(panel.id, clock);
    if (there >= 1) return;
    // The content comes out of the dark: what lies over it goes.
    scene.endLayer();
    const { x, y, width, height } = rect;
    scene.rect(x + 1, y + 1, width - 2, height - 2, fade(color.ground, 1 - there));
    brackets(scene, rect, progress(now, ui.shownAt, motion.bracketDraw), true);
  }

  /** Brackets that shrink where panels stood. */
  private drawChange(now: number): void {
    for (const ghost of this.motion.ghosts) {
      const left = PanelMotion.left(ghost, now);
      if (left > 0) brackets(this.scene, ghost.rect, left, true);
    }
  }

  /** A panel on its way, and where it would go. */
  private drawDrag(layout: Layout): void {
    const { scene, arranging } = this;
    const { dragged, drop, x, y } = arranging;
    if (!dragged) return;
    scene.endLayer();
    const target = drop && dropRect(layout, drop);
    if (target) {
      const { attention } = color;
      scene.box(
        target.x,
        target.y,
        target.width,
        target.height,
        fade(attention, 0.16),
        attention,
        1.5,
        glow.active,
        attention,
      );
    }
    const name = instrumentOf(dragged)?.title ?? dragged;
    const width = scene.measure(name, text.title) + 24;
    octagon(scene, { x: x + 12, y: y + 10, width, height: 26 }, 6, color.focus, color.data, glow.bracket);
    scene.text(x + 24, y + 27, name, text.title, color.now);
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
