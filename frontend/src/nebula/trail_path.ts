import trailSource from "../../../wgsl/common/trail.wgsl?raw";
import { constant } from "../gpu/constant";
import { clamp01, easeInOut, easeOut, flash } from "./motion";
import type { ParticleLayout } from "./particle_layout";
import type { Tokens } from "./tokens_until";

export const TRAIL_SEGMENTS = constant(trailSource, "TRAIL_SEGMENTS");
export const FLARES = constant(trailSource, "FLARES");
const NODES = TRAIL_SEGMENTS + 2;
/** Share of the chord, and of the turn across the line of sight, in a node's tangent. */
const CHORD = 0.42;
const SWIRL = 0.5;
/** How much less a track turns at a token the model was sure of. */
const CALM = 0.5;
/** What stays of the newest token's flare while nothing newer has come. */
const EMBER = 0.14;
const STILL_FLARE = 0.5;
const RISE = 0.08;

type Vector = Float32Array;

/** Fields of `TrailSegment` and `Flare` in trail.wgsl; scalars are arrays of one. */
export interface SegmentFields {
  readonly start: Vector;
  readonly end: Vector;
  readonly start_tangent: Vector;
  readonly end_tangent: Vector;
  readonly start_light: Vector;
  readonly end_light: Vector;
  readonly progress: Vector;
  readonly weight: Vector;
}

export interface FlareFields {
  readonly place: Vector;
  readonly light: Vector;
  readonly amount: Vector;
  readonly broad: Vector;
}

export interface TrailFields {
  readonly segments: readonly SegmentFields[];
  readonly flares: readonly FlareFields[];
}

/** Brightness of the trail at an age counted in tokens. */
export function fade(age: number): number {
  const window = clamp01((TRAIL_SEGMENTS - age) / 4);
  return (0.9 * Math.exp(-age / 2.6) + 0.16 * Math.exp(-age / 9)) * window;
}

/** 1 when the model was quite sure, 0 when it could have said anything; entropy in nats. */
export function confidence(entropy: number): number {
  return Math.exp(-Math.max(0, entropy) / 1.2);
}

/** The curve through the last tokens and the flashes on it, written into a uniform's fields. */
export class TrailPath {
  private readonly places = new Float32Array(3 * NODES);
  private readonly tangents = new Float32Array(3 * NODES);
  /** How sure the model was of each node's token. */
  private readonly sure = new Float32Array(NODES);
  private nodes = 0;
  /** Seconds between tokens, and those that the head takes to the newest; how far it has come. */
  private pace = 0.5;
  private stride = 0.5;
  private run = 0.5;

  update(
    out: TrailFields,
    tokens: Tokens,
    layout: ParticleLayout,
    morph: number,
    time: number,
    still: boolean,
  ) {
    this.nodes = Math.min(tokens.length, NODES);
    this.sure[0] = 1;
    this.sure[1] = 1;
    for (let k = 0; k < this.nodes; k++) {
      const { event } = tokens.at(-1 - k)!;
      layout.place(event.token_id, morph, this.places, 3 * k);
      this.sure[k] = confidence(event.entropy);
    }
    this.pace = interval(tokens);
    this.stride = Math.min(0.4, Math.max(RISE, 0.8 * this.pace));
    const newest = tokens.at(-1);
    this.run = newest && !still ? easeOut((time - newest.arrived) / this.stride) : 1;
    this.bend();
    this.writeSegments(out, tokens, time, still);
    this.writeFlares(out, tokens, time, still);
  }

  /**
   * A node's tangent leans along the chord of its neighbours, and across the way it turns, as a charged particle's
   * does in a field along the first line of sight: a straight track stays straight, a hairpin opens into a loop.
   */
  private bend(): void {
    const { places: p, tangents, run } = this;
    for (let k = 0; k < this.nodes; k++) {
      // The newest node but one grows its full chord while the head runs on from it.
      const ahead = k === 0 ? 0 : k === 1 ? run : 1;
      const older = 3 * Math.min(k + 1, this.nodes - 1);
      const newer = 3 * (k === 0 ? 0 : k - 1);
      const here = 3 * k;
      const inX = p[here]! - p[older]!;
      const inY = p[here + 1]! - p[older + 1]!;
      const inZ = p[here + 2]! - p[older + 2]!;
      const outX = ahead * (p[newer]! - p[here]!);
      const outY = ahead * (p[newer + 1]! - p[here + 1]!);
      const outZ = ahead * (p[newer + 2]! - p[here + 2]!);
      const swirl = SWIRL * (1 - CALM * this.sure[k]!);
      tangents[here] = CHORD * (inX + outX) - swirl * (inY - outY);
      tangents[here + 1] = CHORD * (inY + outY) + swirl * (inX - outX);
      tangents[here + 2] = CHORD * (inZ + outZ);
    }
  }

  private writeSegments(out: TrailFields, tokens: Tokens, time: number, still: boolean): void {
    const { run, stride } = this;
    const sure = this.sure[0]!;
    const surer = this.sure[1]!;
    const haste = 1 + 1.2 * (surer + (sure - surer) * run);
    let lit = fade(0);
    for (let j = 0; j < TRAIL_SEGMENTS; j++) {
      const segment = out.segments[j]!;
      if (j + 1 >= this.nodes) {
        segment.progress[0] = 0;
        continue;
      }
      this.copy(this.places, j + 1, segment.start);
      this.copy(this.places, j, segment.end);
      this.copy(this.tangents, j + 1, segment.start_tangent);
      this.copy(this.tangents, j, segment.end_tangent);
      // Ages grow by one while the head runs to the newest token.
      segment.end_light[0] = lit;
      lit = fade((j + run) * haste);
      segment.start_light[0] = lit;
      const age = (time - tokens.at(-1 - j)!.arrived) / stride;
      segment.progress[0] = still || age >= 1 ? 1 : easeOut(age);
      segment.weight[0] = 1 - 0.6 * this.sure[j]!;
    }
  }

  private copy(from: Float32Array, node: number, to: Vector): void {
    to[0] = from[3 * node]!;
    to[1] = from[3 * node + 1]!;
    to[2] = from[3 * node + 2]!;
  }

  private writeFlares(out: TrailFields, tokens: Tokens, time: number, still: boolean): void {
    // Tokens that come fast share the light, so that the picture does not flicker.
    const broad = Math.min(1, Math.max(0.25, this.pace / 0.12));
    let left = 1;
    for (let k = 0; k < FLARES; k++) {
      const flare = out.flares[k]!;
      const row = k < this.nodes ? tokens.at(-1 - k) : undefined;
      if (!row || (still && k > 0)) {
        flare.amount[0] = 0;
        continue;
      }
      this.copy(this.places, k, flare.place);
      const age = time - row.arrived;
      const risen = easeInOut(age / RISE);
      const ember = EMBER * risen;
      const own = still ? STILL_FLARE : ember + (1 - ember) * flash(age);
      flare.amount[0] = own * left;
      flare.light[0] = Math.sqrt(row.event.probability);
      flare.broad[0] = still ? 1 : broad;
      left *= 1 - risen * (k === 0 ? 0.8 : 0.6);
    }
  }
}

/** Seconds between tokens, over the last eight; 0.5 before there are two. */
export function interval(tokens: Tokens): number {
  const span = Math.min(tokens.length - 1, 7);
  if (span < 1) return 0.5;
  return Math.max(0, (tokens.at(-1)!.arrived - tokens.at(-1 - span)!.arrived) / span);
}
