import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import lens from "../../../wgsl/common/lens.wgsl?raw";
import quad from "../../../wgsl/common/quad.wgsl?raw";
import trailSource from "../../../wgsl/common/trail.wgsl?raw";
import source from "../../../wgsl/nebula/flare.wgsl?raw";
import { constant } from "../gpu/constant";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import { FLARES } from "../nebula/trail_path";

const QUADS = constant(source, "QUADS");

/** The flash of the chosen token, and of the few before it while they die away. */
export class FlarePass {
  private readonly pipeline: GPURenderPipeline;
  private readonly group: GPUBindGroup;

  constructor(device: GPUDevice, frame: GPUBuffer, trail: GPUBuffer) {
    const layout = drawLayout(device, "flare", ["uniform", "uniform"]);
    this.group = bindGroup(device, "flare", layout, [{ buffer: frame }, { buffer: trail }]);
    this.pipeline = drawPipeline(device, {
      label: "flare",
      sources: [frameSource, lens, quad, trailSource, source],
      layout,
      vertex: "flare_corner",
      fragment: "flare_light",
      format: "rgba16float",
      add: true,
    });
  }

  encode(pass: GPURenderPassEncoder): void {
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(6 * QUADS * FLARES);
  }
}
