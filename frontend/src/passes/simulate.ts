import frame from "../../../wgsl/common/frame.wgsl?raw";
import deposit from "../../../wgsl/common/gas_deposit.wgsl?raw";
import grid from "../../../wgsl/common/gas_grid.wgsl?raw";
import lens from "../../../wgsl/common/lens.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import sprite from "../../../wgsl/common/sprite.wgsl?raw";
import source from "../../../wgsl/nebula/simulate.wgsl?raw";
import { constant } from "../gpu/constant";
import type { Owner } from "../gpu/owner";
import { bindGroup, computeLayout, computePipelines } from "../gpu/pipelines";
import { struct } from "../gpu/uniform";

const GROUP = constant(source, "GROUP");
const RUN = constant(source, "RUN");
const RUN_BYTES = struct(source, "Run").size;
const MAX_SPIKES = constant(source, "MAX_SPIKES");
const SPRITE_BYTES = struct(sprite, "Sprite").size;

/** What the simulation makes for the draws. */
export interface Drawn {
  readonly sprites: GPUBuffer;
  readonly spikes: GPUBuffer;
  /** Indirect arguments: sprites at 0, spikes at 16. */
  readonly draws: GPUBuffer;
}

/** Gives each particle its light and place, and lists the visible ones in the vocabulary's order. */
export class SimulatePass implements Drawn {
  readonly sprites: GPUBuffer;
  readonly spikes: GPUBuffer;
  readonly draws: GPUBuffer;
  private readonly runs: GPUBuffer;
  private readonly layout: GPUBindGroupLayout;
  private readonly pipelines;
  private readonly workgroups: number;
  private group: GPUBindGroup | null = null;

  constructor(
    private readonly owner: Owner,
    private readonly inputs: { frame: GPUBuffer; from: GPUBuffer; to: GPUBuffer; light: GPUBuffer },
    count: number,
  ) {
    const { device } = owner;
    this.workgroups = Math.ceil(count / GROUP);
    this.sprites = owner.buffer("sprites", SPRITE_BYTES * count, GPUBufferUsage.STORAGE);
    this.spikes = owner.buffer("spikes", 4 * MAX_SPIKES, GPUBufferUsage.STORAGE);
    this.runs = owner.buffer(
      "marks of particles",
      RUN_BYTES * Math.ceil(count / RUN),
      GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
    );
    this.draws = owner.buffer(
      "draw arguments",
      32,
      GPUBufferUsage.STORAGE | GPUBufferUsage.INDIRECT | GPUBufferUsage.COPY_SRC,
    );
    this.layout = computeLayout(device, "simulate", [
      "uniform",
      "uniform",
      "read-storage",
      "read-storage",
      "read-storage",
      "storage",
      "storage",
      "storage",
      "storage",
      "storage",
    ]);
    this.pipelines = computePipelines(
      device,
      "simulate",
      [frame, palette, lens, sprite, grid, deposit, source],
      [this.layout],
      ["survey", "scan", "emit"],
    );
  }

  bind(gridUniform: GPUBuffer, density: GPUBuffer): void {
    const { frame, from, to, light } = this.inputs;
    const buffers = [
      frame,
      gridUniform,
      from,
      to,
      light,
      this.runs,
      this.sprites,
      this.spikes,
      this.draws,
      density,
    ];
    const resources = buffers.map((buffer) => ({ buffer }));
    this.group = bindGroup(this.owner.device, "simulate", this.layout, resources);
  }

  /** Before the pass it is encoded in. */
  clear(encoder: GPUCommandEncoder): void {
    encoder.clearBuffer(this.runs);
  }

  encode(pass: GPUComputePassEncoder): void {
    pass.setBindGroup(0, this.group);
    pass.setPipeline(this.pipelines.survey);
    pass.dispatchWorkgroups(this.workgroups);
    pass.setPipeline(this.pipelines.scan);
    pass.dispatchWorkgroups(1);
    pass.setPipeline(this.pipelines.emit);
    pass.dispatchWorkgroups(this.workgroups);
  }
}
