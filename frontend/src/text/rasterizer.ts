/** One drawn cluster: coverage of 0 to 255, and where it lies from its pen position, in device pixels. */
export interface Bitmap {
  readonly width: number;
  readonly height: number;
  /** From the pen to the bitmap's left edge, and from the baseline down to its top (negative: above). */
  readonly left: number;
  readonly top: number;
  readonly coverage: Uint8Array;
}

/** Draws clusters at `size` device pixels. An interface, because only a browser has a font engine. */
export interface Rasterizer {
  /** Advance of the cluster, in device pixels, not rounded. */
  measure(cluster: string, size: number): number;
  /** The cluster, or with `blur` its halo of that radius alone; null if there is nothing to see. */
  draw(cluster: string, size: number, blur: number): Bitmap | null;
}

const WIDEST = 1024;
const TALLEST = 512;

/** Grey-scale coverage from a 2-D canvas, whose font fallback knows every script the system knows. */
export class CanvasRasterizer implements Rasterizer {
  private readonly context: OffscreenCanvasRenderingContext2D;

  constructor(private readonly fontStack: string) {
    const canvas = new OffscreenCanvas(256, 128);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("the browser gave no 2-D canvas to draw glyphs on");
    this.context = context;
  }

  measure(cluster: string, size: number): number {
    this.context.font = `${size}px ${this.fontStack}`;
    return this.context.measureText(cluster).width;
  }

  draw(cluster: string, size: number, blur: number): Bitmap | null {
    const font = `${size}px ${this.fontStack}`;
    this.context.font = font;
    const box = this.context.measureText(cluster);
    const room = Math.ceil(blur * 1.5) + 1;
    const left = Math.floor(-box.actualBoundingBoxLeft) - room;
    const top = Math.floor(-box.actualBoundingBoxAscent) - room;
    const width = Math.min(Math.ceil(box.actualBoundingBoxRight) + room - left, WIDEST);
    const height = Math.min(Math.ceil(box.actualBoundingBoxDescent) + room - top, TALLEST);
    if (!(width > 2 * room && height > 2 * room)) return null;
    this.prepare(width, height, font);
    if (blur > 0) {
      // Only the shadow falls on the canvas: the cluster itself is drawn beyond its left edge.
      const away = width + WIDEST;
      this.context.shadowColor = "#fff";
      this.context.shadowBlur = blur;
      this.context.shadowOffsetX = away;
      this.context.fillText(cluster, -left - away, -top);
    } else {
      this.context.fillText(cluster, -left, -top);
    }
    return { width, height, left, top, coverage: this.readBack(width, height) };
  }

  private prepare(width: number, height: number, font: string): void {
    const { canvas } = this.context;
    if (canvas.width < width || canvas.height < height) {
      canvas.width = Math.max(canvas.width, width);
      canvas.height = Math.max(canvas.height, height);
    }
    this.context.shadowColor = "transparent";
    this.context.shadowBlur = 0;
    this.context.shadowOffsetX = 0;
    this.context.clearRect(0, 0, width, height);
    this.context.font = font;
    this.context.fillStyle = "#fff";
    this.context.textBaseline = "alphabetic";
  }

  /** Alpha times brightness: white text keeps its coverage, a colour emoji its drawing. */
  private readBack(width: number, height: number): Uint8Array {
    const { data } = this.context.getImageData(0, 0, width, height);
    const out = new Uint8Array(width * height);
    for (let i = 0; i < out.length; i++) {
      const light = 0.2126 * data[4 * i]! + 0.7152 * data[4 * i + 1]! + 0.0722 * data[4 * i + 2]!;
      out[i] = Math.round((data[4 * i + 3]! * light) / 255);
    }
    return out;
  }
}
