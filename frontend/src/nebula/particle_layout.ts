import { easeInOut } from "./motion";

/** Every layout is scaled so that 99 % of it lies within this radius: UMAP's own size. */
export const CLOUD_RADIUS = 5.6;
const LEAST_SMOOTHING = 0.03;
const MOST_SMOOTHING = 0.6;
const MORPH_SECONDS = 2.5;

/**
 * Points and radii as the GPU takes them: centred on the median, scaled to `CLOUD_RADIUS`,
 * x, y, z and the smoothing radius of each token in turn.
 */
export function normalise(points: Float32Array, radius: Float32Array): Float32Array<ArrayBuffer> {
  const count = radius.length;
  const centre = [0, 1, 2].map((axis) => median(sample(count, (i) => points[3 * i + axis] ?? 0)));
  const [cx = 0, cy = 0, cz = 0] = centre;
  const reach = sample(count, (i) =>
    Math.hypot(points[3 * i]! - cx, points[3 * i + 1]! - cy, points[3 * i + 2]! - cz),
  ).sort();
  const extent = reach[Math.floor(0.99 * (reach.length - 1))] ?? 0;
  const scale = extent > 0 && Number.isFinite(extent) ? CLOUD_RADIUS / extent : 1;
  const out = new Float32Array(4 * count);
  for (let i = 0; i < count; i++) {
    out[4 * i] = finite((points[3 * i]! - cx) * scale);
    out[4 * i + 1] = finite((points[3 * i + 1]! - cy) * scale);
    out[4 * i + 2] = finite((points[3 * i + 2]! - cz) * scale);
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
    return cut ? 1 : easeInOut((time - this.since) / MORPH_SECONDS);
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

/** At most 20,000 values, evenly picked: enough for a median. */
function sample(count: number, value: (index: number) => number): Float32Array {
  const size = Math.min(count, 20000);
  const out = new Float32Array(size);
  for (let k = 0; k < size; k++) out[k] = value(Math.floor((k * count) / size));
  return out;
}

function median(values: Float32Array): number {
  const sorted = values.sort();
  return sorted[sorted.length >> 1] ?? 0;
}

function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}
