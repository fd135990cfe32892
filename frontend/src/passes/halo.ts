import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import deposit from "../../../wgsl/common/gas_deposit.wgsl?raw";
import grid from "../../../wgsl/common/gas_grid.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import trailSource from "../../../wgsl/common/trail.wgsl?raw";
import source from "../../../wgsl/nebula/halo.wgsl?raw";
import { bindGroup, computeLayout, computePipelines } from "../gpu/pipelines";
import { TRAIL_SEGMENTS } from "../nebula/trail_path";

/** Gives the wide light of trail and flares to the gas. */
export class HaloPass {
  private readonly layout: GPUBindGroupLayout;
  private readonly pipelines;
  private group: GPUBindGroup | null = null;

  constructor(
    private readonly device: GPUDevice,
    private readonly frame: GPUBuffer,
    private readonly trail: GPUBuffer,
  ) {
    this.layout = computeLayout(device, "halo", ["uniform", "uniform", "uniform", "storage"]);
    const sources = [frameSource, palette, grid, trailSource, deposit, source];
    this.pipelines = computePipelines(device, "halo", sources, [this.layout], ["shed_trail", "shed_flares"]);
  }

  bind(gridUniform: GPUBuffer, density: GPUBuffer): void {
    const resources = [this.frame, gridUniform, this.trail, density].map((buffer) => ({ buffer }));
    this.group = bindGroup(this.device, "halo", this.layout, resources);
  }

  encode(pass: GPUComputePassEncoder): void {
    pass.setBindGroup(0, this.group);
    pass.setPipeline(this.pipelines.shed_trail);
    pass.dispatchWorkgroups(TRAIL_SEGMENTS);
    pass.setPipeline(this.pipelines.shed_flares);
    pass.dispatchWorkgroups(1);
  }
}
