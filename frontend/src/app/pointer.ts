import type { HudPointerEvent } from "../hud/instrument";
import type { PointerTarget, UiState } from "./picture";

const WHEEL = 0.0015;
const LINE = 16;

export interface PointerHost {
  /** Null while there is no picture. */
  target(): PointerTarget | null;
  /** Logical pixels of the canvas per CSS pixel. */
  scale(): number;
  /** Someone is there. */
  awake(): void;
}

/**
 * Mouse, pen and fingers on the canvas: one turns (with shift or another button: moves), two
 * pinch and move, the wheel comes nearer. Instruments take their presses first.
 */
export class Pointer {
  private readonly down = new Map<number, { x: number; y: number }>();
  private panning = false;
  /** The pointer that an instrument has taken. */
  private taken: number | null = null;
  private takenX = 0;
  private takenY = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly ui: UiState,
    private readonly host: PointerHost,
    signal: AbortSignal,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.press(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.move(event), { signal });
    canvas.addEventListener("pointerup", (event) => this.lift(event), { signal });
    canvas.addEventListener("pointercancel", (event) => this.lose(event), { signal });
    canvas.addEventListener("dblclick", (event) => this.double(event), { signal });
    canvas.addEventListener("pointerleave", () => this.leave(), { signal });
    canvas.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  }

  private press(event: PointerEvent): void {
    const { x, y } = this.at(event);
    this.host.awake();
    this.canvas.focus({ preventScroll: true });
    this.canvas.setPointerCapture(event.pointerId);
    if (event.button === 0 && this.taken === null && this.tell("press", event, x, y)) {
      this.taken = event.pointerId;
      this.takenX = x;
      this.takenY = y;
      return;
    }
    this.down.set(event.pointerId, { x, y });
    this.panning = event.shiftKey || event.button !== 0;
  }

  private move(event: PointerEvent): void {
    const { x, y } = this.at(event);
    const target = this.host.target();
    this.host.awake();
    if (event.pointerId === this.taken) {
      this.tell("drag", event, x, y, x - this.takenX, y - this.takenY);
      this.takenX = x;
      this.takenY = y;
      return;
    }
    const held = this.down.get(event.pointerId);
    if (!held) {
      this.hover(x, y, target);
      return;
    }
    this.leave();
    const dx = x - held.x;
    const dy = y - held.y;
    if (this.down.size === 2) this.pinch(event.pointerId, x, y, target);
    else if (this.panning) target?.pan(dx, dy);
    else target?.orbit(dx, dy);
    held.x = x;
    held.y = y;
  }

  private hover(x: number, y: number, target: PointerTarget | null): void {
    this.ui.pointerX = x;
    this.ui.pointerY = y;
    const shape = target?.cursor(x, y) ?? "default";
    if (this.canvas.style.cursor !== shape) this.canvas.style.cursor = shape;
  }

  /** Two fingers: their distance is the nearness, their middle the place. */
  private pinch(moved: number, x: number, y: number, target: PointerTarget | null): void {
    const held = this.down.get(moved)!;
    for (const [id, other] of this.down) {
      if (id === moved) continue;
      const before = Math.hypot(held.x - other.x, held.y - other.y);
      const after = Math.hypot(x - other.x, y - other.y);
      if (before > 0) target?.zoom(after / before);
      target?.pan((x - held.x) / 2, (y - held.y) / 2);
    }
  }

  private lift(event: PointerEvent): void {
    if (event.pointerId === this.taken) {
      const { x, y } = this.at(event);
      this.taken = null;
      this.tell("release", event, x, y, x - this.takenX, y - this.takenY);
      return;
    }
    if (this.down.delete(event.pointerId) && this.down.size === 0) this.host.target()?.release();
  }

  /** The system has taken the pointer away: what it held is not put down here. */
  private lose(event: PointerEvent): void {
    if (event.pointerId === this.taken) this.host.target()?.cancelMove();
    this.lift(event);
  }

  private double(event: MouseEvent): void {
    const { x, y } = this.at(event);
    this.tell("double", event, x, y);
  }

  /** True when an instrument takes it. */
  private tell(
    type: HudPointerEvent["type"],
    { shiftKey: shift, ctrlKey, metaKey }: MouseEvent,
    x: number,
    y: number,
    dx = 0,
    dy = 0,
    wheel = 0,
  ): boolean {
    const ctrl = ctrlKey || metaKey;
    return this.host.target()?.hud({ type, x, y, dx, dy, wheel, shift, ctrl }) ?? false;
  }

  private leave(): void {
    this.ui.pointerX = Number.NaN;
    this.ui.pointerY = Number.NaN;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.host.awake();
    const { x, y } = this.at(event);
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * LINE : event.deltaY;
    const target = this.host.target();
    if (!target || this.tell("wheel", event, x, y, 0, 0, pixels)) return;
    // A pinch on a touchpad arrives as a wheel with ctrl held, in smaller steps.
    target.zoom(Math.exp(-pixels * WHEEL * (event.ctrlKey ? 8 : 1)));
  }

  private at(event: MouseEvent): { x: number; y: number } {
    const scale = this.host.scale();
    return { x: event.offsetX * scale, y: event.offsetY * scale };
  }
}
