import type { Distribution } from "../telemetry/protocol.gen";
import type { Pose } from "./camera";
import { lightsOf, probabilityOf } from "./distribution";
import type { ParticleLayout } from "./particle_layout";

/** A token under the pointer. */
export interface Picked {
  readonly id: number;
  /** Of the keyframe on show. */
  readonly probability: number;
  /** Its particle's middle, in the pixels that were asked in. */
  readonly x: number;
  readonly y: number;
}

/** Lights below this can't be pointed at: they can't be seen one by one. */
const FAINTEST = 1e-4;

/** Finds particles by place on the screen. Runs when the pointer moves, never per frame. */
export class Picker {
  private lights = new Float32Array(0);
  private decoded: Distribution | null = null;

  /**
   * The brightest near particle: light falls off with distance, nothing counts beyond `reach`.
   *
   * @param centre where the camera's target falls, in the same device pixels as x and y.
   */
  pick(
    x: number,
    y: number,
    reach: number,
    event: Distribution,
    layout: ParticleLayout,
    morph: number,
    pose: Pose,
    centre: ArrayLike<number>,
  ): Picked | null {
    this.decode(event, layout.count);
    const { view: m, focal } = pose;
    const { from, to } = layout;
    let best = -1;
    let bestScore = 0;
    let bestX = 0;
    let bestY = 0;
    for (let i = 0; i < this.lights.length; i++) {
      const light = this.lights[i]!;
      if (light < FAINTEST) continue;
      const px = from[4 * i]! + (to[4 * i]! - from[4 * i]!) * morph;
      const py = from[4 * i + 1]! + (to[4 * i + 1]! - from[4 * i + 1]!) * morph;
      const pz = from[4 * i + 2]! + (to[4 * i + 2]! - from[4 * i + 2]!) * morph;
      const depth = -(m[2]! * px + m[6]! * py + m[10]! * pz + m[14]!);
      if (depth <= 0.5) continue;
      const sx = centre[0]! + ((m[0]! * px + m[4]! * py + m[8]! * pz + m[12]!) * focal) / depth;
      const sy = centre[1]! - ((m[1]! * px + m[5]! * py + m[9]! * pz + m[13]!) * focal) / depth;
      const distance = Math.hypot(sx - x, sy - y) / reach;
      if (distance >= 1) continue;
      const score = (1 - distance) ** 2 * Math.sqrt(light);
      if (score > bestScore) {
        best = i;
        bestScore = score;
        bestX = sx;
        bestY = sy;
      }
    }
    if (best < 0) return null;
    return { id: best, probability: probabilityOf(event, best), x: bestX, y: bestY };
  }

  private decode(event: Distribution, count: number): void {
    if (this.decoded === event && this.lights.length === count) return;
    if (this.lights.length !== count) this.lights = new Float32Array(count);
    lightsOf(event, this.lights);
    this.decoded = event;
  }
}
