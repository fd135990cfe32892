/** Size of the canvas: logical pixels, and device pixels per logical one. */
export interface CanvasSize {
  readonly width: number;
  readonly height: number;
  /** Device pixels, whole. */
  readonly pixelWidth: number;
  readonly pixelHeight: number;
  readonly ratio: number;
}

/**
 * Follows the canvas' size in device pixels, exactly where the browser can tell
 * (`devicePixelContentBox`), so that a hairline is a hairline at every zoom. The observer only
 * records; `take` hands over a new size between two frames.
 */
export class CanvasSizeWatch {
  private newest: CanvasSize;
  private taken = false;
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
    if (this.taken && this.newest.ratio !== devicePixelRatio) this.set(measure(this.canvas));
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
    const size = sizeOf(box.inlineSize, box.blockSize, devicePixelRatio);
    this.set(device ? { ...size, pixelWidth: device.inlineSize, pixelHeight: device.blockSize } : size);
  }

  private set(size: CanvasSize): void {
    const old = this.newest;
    const same =
      old.pixelWidth === size.pixelWidth && old.pixelHeight === size.pixelHeight && old.ratio === size.ratio;
    this.newest = size;
    if (!same) this.taken = false;
  }
}

function measure(canvas: HTMLCanvasElement): CanvasSize {
  return sizeOf(canvas.clientWidth, canvas.clientHeight, devicePixelRatio);
}

function sizeOf(width: number, height: number, ratio: number): CanvasSize {
  const pixelWidth = Math.max(1, Math.round(width * ratio));
  const pixelHeight = Math.max(1, Math.round(height * ratio));
  return { width: Math.max(1, width), height: Math.max(1, height), pixelWidth, pixelHeight, ratio };
}
