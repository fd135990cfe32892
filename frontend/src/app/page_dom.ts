import type { Layout } from "../hud/layout";
import type { Settings } from "../state/settings";
import type { AppState, Notice } from "../state/state";
import type { FoundModel } from "../telemetry/resources";
import type { Actions } from "./actions";
import { Dock } from "./controls/dock";
import { InstrumentControls } from "./controls/instrument_controls";
import { Palette } from "./controls/palette";
import { h } from "./dom";
import { MessageView } from "./message_view";
import { type Graphics, messagesFor, NoticeTime } from "./messages";
import { Mirror } from "./mirror";
import { applyTheme } from "./theme_css";
import { Tip } from "./tip";

/** With the nebula alone, the controls stay this long after the last movement, in seconds. */
const AWAKE = 2.5;

/** What the elements need of the page. */
export interface DomHost {
  readonly state: AppState;
  readonly settings: Settings;
  readonly actions: Actions;
  readonly signal: AbortSignal;
  /** The models that there are to choose from. */
  listModels(): Promise<readonly FoundModel[]>;
  /** Settings have changed. */
  remember(): void;
}

/** The page's elements: its canvas, and the controls, words and dialogs over it. */
export class PageDom {
  readonly root: HTMLElement;
  readonly canvas: HTMLCanvasElement = h("canvas", { class: "stage", role: "img", tabindex: 0 });
  readonly dock: Dock;
  readonly palette: Palette;
  private readonly messages: MessageView;
  private readonly mirror = new Mirror(this.canvas);
  private readonly instruments: InstrumentControls;
  private readonly noticeTime = new NoticeTime();
  private placed: Layout | null = null;
  private awakeUntil = 0;
  private awake = "";

  constructor(private readonly host: DomHost) {
    const { state, settings, actions, signal } = host;
    this.messages = new MessageView(actions);
    this.instruments = new InstrumentControls(actions);
    this.dock = new Dock(
      settings,
      actions,
      () => host.listModels(),
      () => host.remember(),
    );
    this.palette = new Palette(state, actions, () => this.dock.models.models);
    this.root = h(
      "main",
      { class: "page" },
      this.canvas,
      this.dock.element,
      this.messages.element,
      this.mirror.element,
      this.instruments.element,
      this.palette.element,
    );
    this.root.append(new Tip(this.root, signal).element);
    document.body.append(this.root);
    applyTheme(document.documentElement);
  }

  /** Someone moved: the controls are to be seen for a while. */
  wake(now: number): void {
    this.awakeUntil = now + AWAKE;
  }

  /** All elements as the state is; `dirty` if anything in it that no message brings may have changed. */
  update(
    now: number,
    dirty: boolean,
    graphics: Graphics,
    notice: Notice | null,
    layout: Layout | null | undefined,
  ): void {
    const { state } = this.host;
    this.noticeTime.begin(state, now);
    if (dirty) {
      this.dock.update(state);
      this.root.dataset.view = state.view;
    }
    const ticking = state.connection.phase === "waiting" || state.rejected !== null;
    if (dirty || ticking) this.messages.update(messagesFor(state, graphics, notice, now));
    const awake = now < this.awakeUntil ? "true" : "false";
    if (this.awake !== awake) this.root.dataset.awake = awake;
    this.awake = awake;
    if (layout && layout !== this.placed) this.place(layout);
    this.mirror.update(state, now);
    this.instruments.update(state, now);
  }

  /** How many logical pixels of the page one of the style sheet's is. */
  scale(scale: number): void {
    this.root.style.setProperty("--scale", String(scale));
  }

  /** Messages stand over the middle of what the instruments leave free, as far as there is room for them. */
  private place(layout: Layout): void {
    this.placed = layout;
    // That of an export has none.
    if (!layout.controls) return;
    this.dock.place(layout.controls, layout.compact, layout.height);
    const { x, width } = layout.nebula ?? layout.controls;
    this.messages.element.style.setProperty("--middle", `${x + width / 2}px`);
  }
}
