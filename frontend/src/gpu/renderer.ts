import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import trailSource from "../../../wgsl/common/trail.wgsl?raw";
import type { HudPass } from "../hud/hud_pass";
import type { Scene } from "../hud/scene";
import { Camera, type Pose } from "../nebula/camera";
import { normalise } from "../nebula/particle_layout";
import { Particles } from "../nebula/particles";
import { type Picked, Picker } from "../nebula/pick";
import { TokensUntil } from "../nebula/tokens_until";
import { type TrailFields, TrailPath } from "../nebula/trail_path";
import { BloomPass } from "../passes/bloom";
import { CompositePass } from "../passes/composite";
import { FlarePass } from "../passes/flare";
import { GasPass } from "../passes/gas";
import { HaloPass } from "../passes/halo";
import { TrailPass } from "../passes/trail";
import { shown } from "../state/moment";
import type { AppState, ViewMode } from "../state/state";
import { Backlog } from "./backlog";
import type { Gpu } from "./gpu";
import { Owner } from "./owner";
import { Timings } from "./timings";
import { type Fields, Uniform } from "./uniform";

/** Light to radiance, at 90 pixels per unit; the surface's brightness is the same at every zoom. */
const EXPOSURE = 1100;
const EXPOSURE_UNIT = 90;
/** Near by, the gas is dimmed by this power of the zoom, so that it does not drown its filaments. */
const DEPTH_OF_LIGHT = 0.4;
/** Of the nebula behind the instruments. */
const DIMMED = 0.82;
/** Behind the instruments the recipe's sizes shrink with the frame, down to this share of the canvas'. */
const LEAST_SCALE = 0.6;
/** How far from the pointer a particle can be picked, logical pixels. */
const PICK_REACH = 18;

/** Logical pixels. */
export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface FrameInput {
  /** A replay: what is drawn of a time is the same however one came there. */
  exact?: boolean;
  state: AppState;
  view: ViewMode;
  reducedMotion: boolean;
  /** What the instruments show; null leaves them away. */
  scene: Scene | null;
  /** What the cloud is to fill; the whole canvas without it. */
  focus?: Rect | null;
}

/** Targets of one canvas size. */
interface Targets {
  readonly owner: Owner;
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
  readonly sprites: GPUTexture;
  readonly spritesPass: GPURenderPassDescriptor;
  readonly hud: GPUTextureView;
}

/** The one owner of what is on the GPU. After a lost device, make a new one and set it up again. */
export class Renderer {
  readonly camera = new Camera();
  readonly owner: Owner;
  readonly timings: Timings;
  private readonly frame: Uniform;
  private readonly fields: Fields;
  private readonly trail: Uniform;
  private readonly trailFields: TrailFields;
  private readonly path = new TrailPath();
  private readonly tokens = new TokensUntil();
  private readonly picker = new Picker();
  private readonly sampler: GPUSampler;
  private readonly gas: GasPass;
  private readonly halo: HaloPass;
  private readonly ribbon: TrailPass;
  private readonly flare: FlarePass;
  private readonly bloom: BloomPass;
  private readonly composite: CompositePass;
  private readonly keyframePass: GPUComputePassDescriptor;
  private readonly simulatePass = { label: "simulate" };
  private readonly encoderLabel = { label: "frame" };
  private readonly submission: GPUCommandBuffer[] = [];
  private particles: Particles | null = null;
  private targets: Targets | null = null;
  private pose: Pose | null = null;
  private morph = 1;
  private readonly backlog = new Backlog();

  constructor(
    private readonly gpu: Gpu,
    /** Draws the instruments; it stays the caller's. */
    private readonly hud: HudPass | null,
  ) {
    const { device } = gpu;
    this.owner = new Owner(device);
    this.timings = new Timings(device, gpu.timed);
    this.frame = new Uniform(this.owner, frameSource, "Frame");
    this.fields = this.frame.fields();
    this.trail = new Uniform(this.owner, trailSource, "Trail");
    this.trailFields = this.trail.fields();
    this.sampler = device.createSampler({ label: "smooth", magFilter: "linear", minFilter: "linear" });
    this.gas = new GasPass(this.owner, this.frame.buffer);
    this.halo = new HaloPass(device, this.frame.buffer, this.trail.buffer);
    this.ribbon = new TrailPass(device, this.frame.buffer, this.trail.buffer);
    this.flare = new FlarePass(device, this.frame.buffer, this.trail.buffer);
    this.bloom = new BloomPass(this.owner, this.gas.view.buffer, this.sampler);
    this.composite = new CompositePass(device, gpu.format, this.timings);
    this.keyframePass = this.timings.begin({ label: "keyframe" });
  }

  /** Rebuilds what depends on the canvas size. Device pixels; `ratio` of them to a logical one. */
  resize(width: number, height: number, ratio: number): void {
    const most = this.gpu.limits.maxTextureDimension2D;
    const [w, h] = [clampSize(width, most), clampSize(height, most)];
    this.targets?.owner.destroy();
    const owner = this.owner.child();
    const { RENDER_ATTACHMENT, TEXTURE_BINDING } = GPUTextureUsage;
    const usage = RENDER_ATTACHMENT | TEXTURE_BINDING;
    const sprites = owner.texture("nebula light", w, h, "rgba16float", usage);
    const hud = owner.texture("instruments", w, h, "rgba8unorm", usage);
    const colour = { view: sprites.createView(), loadOp: "clear", storeOp: "store" } as const;
    const spritesPass = { label: "particles, trail, flare", colorAttachments: [colour] };
    this.targets = { owner, width: w, height: h, ratio, sprites, spritesPass, hud: hud.createView() };
    this.gas.resize(w, h);
    this.bloom.resize(w, h, sprites, this.gas.texture);
    this.composite.bind({
      frame: this.frame.buffer,
      gasView: this.gas.view.buffer,
      sampler: this.sampler,
      sprites,
      gas: this.gas.texture,
      bloom: this.bloom.texture,
      hud,
    });
    this.halo.bind(this.gas.grid.buffer, this.gas.density);
    this.particles?.simulate.bind(this.gas.grid.buffer, this.gas.density);
  }

  /**
   * A layout of the vocabulary: x, y, z of each token and its distance to its 16th neighbour.
   * The first one of a vocabulary stands at once; from there the particles move to the next.
   */
  setPositions(points: Float32Array, radius: Float32Array, now: number): void {
    const places = normalise(points, radius);
    if (this.particles?.count === radius.length) {
      this.particles.morphTo(places, now);
      return;
    }
    this.particles?.owner.destroy();
    this.particles = new Particles(this.owner.child(), this.frame.buffer, places);
    if (this.targets) this.particles.simulate.bind(this.gas.grid.buffer, this.gas.density);
  }

  /** Before the first positions, and after a model that has none: an empty ground. */
  clearPositions(): void {
    this.particles?.owner.destroy();
    this.particles = null;
  }

  /** The GPU has all the frames that it may have: another one would only wait, and what it shows grow old. */
  get behind(): boolean {
    return this.backlog.full;
  }

  /** The newest distribution at clock time `time` goes to the GPU at once; a later frame draws it. */
  takeIn(time: number, input: FrameInput): void {
    if (!this.particles?.lacks(shown(input.state).distribution)) return;
    const { device } = this.gpu;
    const encoder = device.createCommandEncoder(this.encoderLabel);
    this.keyframe(encoder, time, input);
    this.submission[0] = encoder.finish();
    device.queue.submit(this.submission);
  }

  /**
   * One frame: the script of everything that is drawn; on the page's canvas, or on another of its format.
   *
   * @param time of what is shown, seconds.
   * @param clock the page's own, by which a hand moves the camera; the same but in a replay.
   */
  render(time: number, clock: number, input: FrameInput, context = this.gpu.context): void {
    const { targets, gpu } = this;
    if (!targets) return;
    const encoder = gpu.device.createCommandEncoder(this.encoderLabel);
    this.writeFrame(time, clock, input, targets);
    this.keyframe(encoder, time, input);
    if (input.view !== "hud") {
      this.simulate(encoder);
      this.draw(encoder, targets);
      this.bloom.encode(encoder);
    }
    if (this.hud && input.scene) {
      this.hud.encode(encoder, targets.hud, input.scene, targets.width, targets.height, targets.ratio);
    }
    this.composite.encode(encoder, context.getCurrentTexture().createView());
    this.timings.resolve(encoder);
    this.submission[0] = encoder.finish();
    gpu.device.queue.submit(this.submission);
    this.backlog.submitted(gpu.device.queue);
    this.timings.read();
  }

  /** The token whose particle is under a point, in logical pixels; of the last frame drawn. */
  pick(x: number, y: number, state: AppState): Picked | null {
    const { particles, pose, targets } = this;
    const event = shown(state).distribution?.event;
    if (!particles || !pose || !targets || event?.n_vocab !== particles.count) return null;
    const { ratio } = targets;
    const { layout } = particles;
    const centre = this.fields.centre!;
    const reach = PICK_REACH * ratio;
    const found = this.picker.pick(x * ratio, y * ratio, reach, event, layout, this.morph, pose, centre);
    return found && { ...found, x: found.x / ratio, y: found.y / ratio };
  }

  destroy(): void {
    this.timings.destroy();
    this.owner.destroy();
  }

  private writeFrame(time: number, clock: number, input: FrameInput, targets: Targets): void {
    const { fields: f, particles, camera } = this;
    const { reducedMotion } = input;
    const { width, height, ratio } = targets;
    const focus = input.focus;
    const frameHeight = focus
      ? Math.min(focus.height, focus.width / 1.6) * ratio
      : Math.min(height, width / 1.6);
    camera.height = frameHeight;
    const pose = camera.at(clock, reducedMotion, time);
    this.pose = pose;
    this.morph = particles ? particles.layout.morph(clock, reducedMotion) : 1;
    f.world_to_view!.set(pose.view);
    f.centre![0] = focus ? (focus.x + focus.width / 2) * ratio : width / 2;
    f.centre![1] = focus ? (focus.y + focus.height / 2) * ratio : height / 2;
    f.size![0] = width;
    f.size![1] = height;
    f.focal![0] = pose.focal;
    f.depth![0] = pose.depth;
    f.scale![0] = Math.max(frameHeight, LEAST_SCALE * height) / 720;
    const exposure = EXPOSURE * (pose.unit / EXPOSURE_UNIT) ** 2;
    const near = Math.max(1, pose.zoom);
    f.exposure![0] = exposure / near ** DEPTH_OF_LIGHT;
    f.point_exposure![0] = exposure / near;
    f.mark_exposure![0] = exposure / near ** 2;
    f.morph![0] = this.morph;
    f.count![0] = particles?.count ?? 0;
    f.brightness![0] = input.view === "nebula" ? 1 : input.view === "both" ? DIMMED : 0;
    if (particles) {
      this.path.update(
        this.trailFields,
        this.tokens.follow(input.state),
        particles.layout,
        this.morph,
        time,
        reducedMotion,
      );
      this.trail.upload();
    }
  }

  /** The distribution on show becomes what the light eases to; and the frame's uniform is complete. */
  private keyframe(encoder: GPUCommandEncoder, time: number, input: FrameInput): void {
    const { state, reducedMotion } = input;
    const pass = encoder.beginComputePass(this.keyframePass);
    if (this.particles) {
      const { distribution, pinned } = shown(state);
      const history = pinned ? null : state.distributions;
      this.particles.update(pass, distribution, history, time, reducedMotion, input.exact === true);
      this.fields.light_ease![0] = this.particles.ease(time, reducedMotion);
    }
    pass.end();
    this.frame.upload();
  }

  /** Particles, and the wide light of everything. */
  private simulate(encoder: GPUCommandEncoder): void {
    this.gas.clear(encoder);
    this.particles?.simulate.clear(encoder);
    const pass = encoder.beginComputePass(this.simulatePass);
    if (this.particles) {
      this.particles.simulate.encode(pass);
      this.halo.encode(pass);
    }
    this.gas.encode(pass);
    pass.end();
  }

  /** Everything sharp, added up in one target. */
  private draw(encoder: GPUCommandEncoder, targets: Targets): void {
    const pass = encoder.beginRenderPass(targets.spritesPass);
    if (this.particles) {
      this.particles.sprites.encode(pass);
      this.ribbon.encode(pass);
      this.particles.spikes.encode(pass);
      this.flare.encode(pass);
    }
    pass.end();
  }
}

function clampSize(size: number, most: number): number {
  return Math.min(most, Math.max(1, Math.round(size)));
}
