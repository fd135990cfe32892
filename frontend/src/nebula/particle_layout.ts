import { principalAxes } from "./axes";
import { easeInOut } from "./motion";

/** Every layout is scaled so that 99 % of it lies within this radius: UMAP's own size. */
export const CLOUD_RADIUS = 5.6;
const LEAST_SMOOTHING = 0.03;
const MOST_SMOOTHING = 0.6;
/** Points that are looked at for the cloud's middle, size and axes. */
const SAMPLE = 20000;
const MORPH_SECONDS = 2.5;

/**
 * Points and radii as the GPU takes them: centred on the median, turned to their principal axes,
 * scaled to `CLOUD_RADIUS`; x, y, z and the smoothing radius of each token in turn.
 */
export function normalise(points: Float32Array, radius: Float32Array): Float32Array<ArrayBuffer> {
  const count = radius.length;
  const stride = Math.max(1, Math.ceil(count / SAMPLE));
  const size = Math.ceil(count / stride);
  const centre = [0, 1, 2].map((axis) => quantile(size, 0.5, (k) => points[3 * k * stride + axis]!));
  const from = (index: number, axis: number) => finite(points[3 * index + axis]! - centre[axis]!);
  const reach = (index: number) => Math.hypot(from(index, 0), from(index, 1), from(index, 2));
  const extent = quantile(size, 0.99, (k) => reach(k * stride));
  const scale = extent > 0 ? CLOUD_RADIUS / extent : 1;
  const axes = principalAxes(size, (k, axis) => (reach(k * stride) <= extent ? from(k * stride, axis) : 0));
  const out = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    const [x, y, z] = [from(i, 0), from(i, 1), from(i, 2)];
    for (let k = 0; k < 3; k++) {
      const row = axes[k]!;
      out[4 * i + k] = scale * (row[0]! * x + row[1]! * y + row[2]! * z);
    }
    const h = finite(radius[i]! * scale);
    out[4 * i + 3] = Math.min(MOST_SMOOTHING, Math.max(LEAST_SMOOTHING, h));
  }
  return out;
}

/** The particles' places: the newest layout and, for a while, the way to it from the last one. */
export class ParticleLayout {
  readonly from: Float32Array<ArrayBuffer>;
  to: Float32Array<ArrayBuffer>;
  private since = Number.NEGATIVE_INFINITY;

  constructor(first: Float32Array<ArrayBuffer>) {
    this.from = first.slice();
    this.to = first;
  }

  get count(): number {
    return this.to.length / 4;
  }

  /** Sets out for a new layout from wherever the particles are now. */
  morphTo(next: Float32Array<ArrayBuffer>, time: number): void {
    const share = this.morph(time, false);
    const { from, to } = this;
    for (let i = 0; i < from.length; i++) from[i]! += (to[i]! - from[i]!) * share;
    this.to = next;
    this.since = time;
  }

  /** How far the particles have come, eased. */
  morph(time: number, cut: boolean): number {
    // At rest, which is nearly always, a whole number is given back: a fraction is put on the heap.
    const share = (time - this.since) / MORPH_SECONDS;
    return cut || share >= 1 ? 1 : easeInOut(share);
  }

  /** Place of one particle into `out` at `offset`. */
  place(index: number, morph: number, out: Float32Array, offset: number): void {
    for (let axis = 0; axis < 3; axis++) {
      const a = this.from[4 * index + axis] ?? 0;
      const b = this.to[4 * index + axis] ?? 0;
      out[offset + axis] = a + (b - a) * morph;
    }
  }
}

function quantile(size: number, share: number, value: (index: number) => number): number {
  const values = new Float32Array(size);
  for (let k = 0; k < size; k++) values[k] = finite(value(k));
  values.sort();
  return values[Math.floor(share * (size - 1))] ?? 0;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
