import type { PointerTarget, UiState } from "./picture";

const WHEEL = 0.0015;
const LINE = 16;

/**
 * Mouse, pen and fingers on the canvas: one turns (with shift or another button: moves), two
 * pinch and move, the wheel comes nearer. Instruments take their presses first.
 */
export class Pointer {
  private readonly down = new Map<number, { x: number; y: number }>();
  private panning = false;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly ui: UiState,
    /** Null while there is no picture. */
    private readonly target: () => PointerTarget | null,
    /** Someone is there. */
    private readonly awake: () => void,
    signal: AbortSignal,
  ) {
    canvas.addEventListener("pointerdown", (event) => this.press(event), { signal });
    canvas.addEventListener("pointermove", (event) => this.move(event), { signal });
    canvas.addEventListener("pointerup", (event) => this.lift(event), { signal });
    canvas.addEventListener("pointercancel", (event) => this.lift(event), { signal });
    canvas.addEventListener("pointerleave", () => this.leave(), { signal });
    canvas.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    canvas.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
  }

  private press(event: PointerEvent): void {
    this.awake();
    this.canvas.focus({ preventScroll: true });
    if (event.button === 0 && this.target()?.press(event.offsetX, event.offsetY)) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
    this.panning = event.shiftKey || event.button !== 0;
    if (this.down.size > 1) this.leave();
  }

  private move(event: PointerEvent): void {
    this.awake();
    const held = this.down.get(event.pointerId);
    if (!held) {
      this.ui.pointerX = event.offsetX;
      this.ui.pointerY = event.offsetY;
      const shape = this.target()?.isButton(event.offsetX, event.offsetY) ? "pointer" : "default";
      if (this.canvas.style.cursor !== shape) this.canvas.style.cursor = shape;
      return;
    }
    const dx = event.offsetX - held.x;
    const dy = event.offsetY - held.y;
    if (this.down.size === 2) this.pinch(event, dx, dy);
    else if (this.panning) this.target()?.pan(dx, dy);
    else this.target()?.orbit(dx, dy);
    held.x = event.offsetX;
    held.y = event.offsetY;
  }

  /** Two fingers: their distance is the nearness, their middle the place. */
  private pinch(event: PointerEvent, dx: number, dy: number): void {
    for (const [id, other] of this.down) {
      if (id === event.pointerId) continue;
      const held = this.down.get(event.pointerId)!;
      const before = Math.hypot(held.x - other.x, held.y - other.y);
      const after = Math.hypot(event.offsetX - other.x, event.offsetY - other.y);
      if (before > 0) this.target()?.zoom(after / before);
      this.target()?.pan(dx / 2, dy / 2);
    }
  }

  private lift(event: PointerEvent): void {
    if (this.down.delete(event.pointerId) && this.down.size === 0) this.target()?.release();
  }

  private leave(): void {
    this.ui.pointerX = Number.NaN;
    this.ui.pointerY = Number.NaN;
  }

  private wheel(event: WheelEvent): void {
    event.preventDefault();
    this.awake();
    const pixels = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * LINE : event.deltaY;
    const target = this.target();
    if (!target || target.scroll(event.offsetX, event.offsetY, pixels)) return;
    // A pinch on a touchpad arrives as a wheel with ctrl held, in smaller steps.
    target.zoom(Math.exp(-pixels * WHEEL * (event.ctrlKey ? 8 : 1)));
  }
}
