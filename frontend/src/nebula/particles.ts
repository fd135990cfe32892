import type { Owner } from "../gpu/owner";
import { KeyframePass } from "../passes/keyframe";
import { ParticlesPass } from "../passes/particles";
import { SimulatePass } from "../passes/simulate";
import { SpikesPass } from "../passes/spikes";
import type { Keyframe } from "../state/state";
import type { Distribution } from "../telemetry/protocol.gen";
import { LightClock } from "./light_clock";
import { ParticleLayout } from "./particle_layout";

/** Seconds without a frame after which what was seen before counts no more. */
const SOUGHT = 1;

/** Keyframes in order, the newest last. */
export interface Keyframes {
  readonly capacity: number;
  readonly length: number;
  at(index: number): Keyframe<Distribution> | undefined;
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

  /** Whether `update` would take it over. */
  lacks(newest: Keyframe<Distribution> | null): boolean {
    return (newest?.event ?? null) !== this.shown;
  }

  /**
   * Takes over a keyframe that is new. The light has come from the keyframes before it, at the times they
   * arrived, whether they were drawn or not: so it is the same at a time however one came there.
   *
   * @param history ends with `newest`; null where it came alone, and the light eases from what is on show.
   * @param exact in a replay: nothing of what was drawn before may count.
   */
  update(
    pass: GPUComputePassEncoder,
    newest: Keyframe<Distribution> | null,
    history: Keyframes | null,
    time: number,
    still: boolean,
    exact: boolean,
  ): void {
    const rewound = time < this.lastFrame;
    const sought = exact || rewound || time - this.lastFrame > SOUGHT;
    this.lastFrame = time;
    const event = newest?.event ?? null;
    if (event === this.shown || (event && event.n_vocab !== this.count)) return;
    if (newest && history) this.catchUp(newest, history, time, still, sought);
    else if (!newest && exact && rewound) this.darken();
    const arrived = newest?.arrived ?? time;
    this.keyframes.encode(pass, event, this.clock.ease(Math.min(arrived, time), still));
    this.clock.keyframe(arrived);
    this.shown = event;
  }

  /** Takes over what came between the keyframe on show and the newest. */
  private catchUp(
    newest: Keyframe<Distribution>,
    history: Keyframes,
    time: number,
    still: boolean,
    sought: boolean,
  ): void {
    const last = history.length - 1;
    if (history.at(last) !== newest) return;
    let from = last;
    while (from >= 0 && history.at(from)!.event !== this.shown) from--;
    const known = from >= 0;
    if (!known && !sought) return;
    if (!known) this.begin(history.at(0)!, history.length === history.capacity, last > 0);
    for (let i = known ? from + 1 : 1; i < last; i++) {
      const { event, arrived } = history.at(i)!;
      if (event.n_vocab !== this.count) continue;
      this.submit(event, this.clock.ease(Math.min(arrived, time), still));
      this.clock.keyframe(arrived);
    }
  }

  /** The oldest keyframe there is: at rest where others went before it, else the first light after darkness. */
  private begin(first: Keyframe<Distribution>, full: boolean, more: boolean): void {
    const resting = first.standing === true || full;
    if (!resting) this.darken();
    if (!more) {
      if (!resting) return;
      // It is the newest too: the caller makes it the goal, from itself.
      this.submit(first.event, 1);
      this.clock.rest(Number.NEGATIVE_INFINITY);
      return;
    }
    this.submit(first.event, 1);
    if (resting) this.clock.rest(first.arrived);
    else this.clock.keyframe(first.arrived);
  }

  private darken(): void {
    this.submit(null, 1);
    this.clock.begin();
  }

  /** Its own submission: the next keyframe writes the same buffers. */
  private submit(event: Distribution | null, ease: number): void {
    const { device } = this.owner;
    const encoder = device.createCommandEncoder({ label: "keyframe before" });
    const pass = encoder.beginComputePass({ label: "keyframe before" });
    this.keyframes.encode(pass, event, ease);
    pass.end();
    device.queue.submit([encoder.finish()]);
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
