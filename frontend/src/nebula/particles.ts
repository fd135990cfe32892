import type { Owner } from "../gpu/owner";
import { KeyframePass } from "../passes/keyframe";
import { ParticlesPass } from "../passes/particles";
import { SimulatePass } from "../passes/simulate";
import { SpikesPass } from "../passes/spikes";
import type { Distribution } from "../telemetry/protocol.gen";
import { LightClock } from "./light_clock";
import { ParticleLayout } from "./particle_layout";

/** Seconds without a frame after which the next one starts from the keyframe before, not from what was seen. */
const SOUGHT = 1;

interface Shown {
  readonly event: Distribution;
  readonly arrived: number;
}

/** One particle per token of a vocabulary: their places, their light, and the passes over them. */
export class Particles {
  readonly layout: ParticleLayout;
  readonly simulate: SimulatePass;
  readonly sprites: ParticlesPass;
  readonly spikes: SpikesPass;
  private readonly keyframes: KeyframePass;
  private readonly clock = new LightClock();
  private readonly from: GPUBuffer;
  private readonly to: GPUBuffer;
  private shown: Distribution | null = null;
  private lastFrame = Number.NEGATIVE_INFINITY;

  /** @param places x, y, z, smoothing radius of each token in turn. */
  constructor(
    readonly owner: Owner,
    frame: GPUBuffer,
    places: Float32Array<ArrayBuffer>,
  ) {
    const { device } = owner;
    const count = places.length / 4;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    this.layout = new ParticleLayout(places);
    this.from = owner.buffer("layout before", places.byteLength, usage);
    this.to = owner.buffer("layout", places.byteLength, usage);
    const light = owner.buffer("light", 8 * count, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC);
    this.keyframes = new KeyframePass(owner, light, count);
    this.simulate = new SimulatePass(owner, { frame, from: this.from, to: this.to, light }, count);
    this.sprites = new ParticlesPass(device, frame, this.simulate);
    this.spikes = new SpikesPass(device, frame, this.simulate);
    this.uploadLayout();
  }

  get count(): number {
    return this.layout.count;
  }

  morphTo(places: Float32Array<ArrayBuffer>, time: number): void {
    this.layout.morphTo(places, time);
    this.uploadLayout();
  }

  /**
   * Takes over a keyframe that is new. The light eases from what is on show, except after a
   * pause in drawing (a hidden page, a jump within a recording): then from the keyframe before.
   */
  update(
    pass: GPUComputePassEncoder,
    newest: Shown | null,
    previous: Shown | null,
    time: number,
    still: boolean,
  ): void {
    const sought = time - this.lastFrame > SOUGHT || time < this.lastFrame;
    this.lastFrame = time;
    const event = newest?.event ?? null;
    if (event === this.shown || (event && event.n_vocab !== this.count)) return;
    if (sought && previous && previous.event !== this.shown && previous.event.n_vocab === this.count) {
      this.jumpTo(previous);
    }
    const arrived = newest?.arrived ?? time;
    const ease = sought ? 1 : this.clock.ease(Math.min(arrived, time), still);
    this.keyframes.encode(pass, event, ease);
    this.clock.keyframe(arrived);
    this.shown = event;
  }

  /** Its own submission: the next keyframe writes the same buffers. */
  private jumpTo(keyframe: Shown): void {
    const { device } = this.owner;
    const encoder = device.createCommandEncoder({ label: "keyframe before" });
    const pass = encoder.beginComputePass({ label: "keyframe before" });
    this.keyframes.encode(pass, keyframe.event, 1);
    pass.end();
    device.queue.submit([encoder.finish()]);
    this.clock.keyframe(keyframe.arrived);
    this.shown = keyframe.event;
  }

  /** How far the light has come from the keyframe before to the newest. */
  ease(time: number, still: boolean): number {
    return this.clock.ease(time, still);
  }

  private uploadLayout(): void {
    const { queue } = this.owner.device;
    queue.writeBuffer(this.from, 0, this.layout.from);
    queue.writeBuffer(this.to, 0, this.layout.to);
  }
}
