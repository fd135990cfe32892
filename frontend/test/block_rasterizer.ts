import type { Bitmap, Rasterizer } from "../src/text/rasterizer";

/** Glyphs as solid blocks: Node has no font engine. A cluster beyond ASCII is as wide as its kind would be. */
export class BlockRasterizer implements Rasterizer {
  drawn = 0;

  measure(cluster: string, size: number): number {
    const cells = /\p{Script=Han}|\p{Extended_Pictographic}/u.test(cluster) ? 1.7 : 1;
    return cells * size * 0.602;
  }

  draw(cluster: string, size: number, blur: number): Bitmap | null {
    if (cluster === " ") return null;
    this.drawn++;
    const width = Math.ceil(this.measure(cluster, size) + 2 * blur);
    const height = Math.ceil(size + 2 * blur);
    return { width, height, left: -blur, top: -height, coverage: new Uint8Array(width * height).fill(255) };
  }
}
