import { interfaceScale } from "../hud/layout";

/**
 * Size of the canvas: logical pixels, and device pixels per logical one. On a very large
 * screen a logical pixel is larger than one of CSS.
 */
export interface CanvasSize {
  readonly width: number;
  readonly height: number;
  /** Device pixels, whole. */
  readonly pixelWidth: number;
  readonly pixelHeight: number;
  readonly ratio: number;
  /** CSS pixels per logical one. */
  readonly scale: number;
}

/**
 * Follows the canvas' size in device pixels, exactly where the browser can tell
 * (`devicePixelContentBox`), so that a hairline is a hairline at every zoom. The observer only
 * records; `take` hands over a new size between two frames.
 */
export class CanvasSizeWatch {
  private newest: CanvasSize;
  private taken = false;
  private measuredRatio = devicePixelRatio;
  private readonly observer: ResizeObserver;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.newest = measure(canvas);
    this.observer = new ResizeObserver((entries) => {
      for (const entry of entries) this.record(entry);
    });
    try {
      this.observer.observe(canvas, { box: "device-pixel-content-box" });
    } catch {
      this.observer.observe(canvas);
    }
  }

  /** The size when it has changed since the last call. */
  take(): CanvasSize | null {
    // A change of the pixel ratio alone (the window moved to another screen) is no resize.
    if (this.taken && this.measuredRatio !== devicePixelRatio) this.set(measure(this.canvas));
    if (this.taken) return null;
    this.taken = true;
    return this.newest;
  }

  get current(): CanvasSize {
    return this.newest;
  }

  close(): void {
    this.observer.disconnect();
  }

  private record(entry: ResizeObserverEntry): void {
    const device = entry.devicePixelContentBoxSize?.[0];
    const box = entry.contentBoxSize[0]!;
    // An emulated pixel ratio is not in the device's own count: believe that only when the two agree.
    const agrees = device && Math.abs(device.inlineSize - box.inlineSize * devicePixelRatio) < 2;
    const pixels = agrees ? { width: device.inlineSize, height: device.blockSize } : undefined;
    this.set(sizeOf(box.inlineSize, box.blockSize, pixels));
  }

  private set(size: CanvasSize): void {
    const old = this.newest;
    const same =
      old.pixelWidth === size.pixelWidth && old.pixelHeight === size.pixelHeight && old.ratio === size.ratio;
    this.newest = size;
    this.measuredRatio = devicePixelRatio;
    if (!same) this.taken = false;
  }
}

function measure(canvas: HTMLCanvasElement): CanvasSize {
  return sizeOf(canvas.clientWidth, canvas.clientHeight);
}

/** From the canvas' size in CSS pixels, and in device pixels where that is known exactly. */
function sizeOf(cssWidth: number, cssHeight: number, pixels?: { width: number; height: number }): CanvasSize {
  const width = Math.max(1, cssWidth);
  const height = Math.max(1, cssHeight);
  const pixelWidth = Math.max(1, pixels?.width ?? Math.round(width * devicePixelRatio));
  const pixelHeight = Math.max(1, pixels?.height ?? Math.round(height * devicePixelRatio));
  const scale = interfaceScale(width, height);
  const ratio = devicePixelRatio * scale;
  return { width: width / scale, height: height / scale, pixelWidth, pixelHeight, ratio, scale };
}
