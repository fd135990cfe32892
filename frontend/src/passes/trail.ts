import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import quad from "../../../wgsl/common/quad.wgsl?raw";
import trailSource from "../../../wgsl/common/trail.wgsl?raw";
import source from "../../../wgsl/nebula/trail.wgsl?raw";
import { constant } from "../gpu/constant";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import { TRAIL_SEGMENTS } from "../nebula/trail_path";

const PIECES = constant(source, "PIECES");

/** The way of the chosen tokens, as one thin ribbon that the vertex shader bends. */
export class TrailPass {
  private readonly pipeline: GPURenderPipeline;
  private readonly group: GPUBindGroup;

  constructor(device: GPUDevice, frame: GPUBuffer, trail: GPUBuffer) {
    const layout = drawLayout(device, "trail", ["uniform", "uniform"]);
    this.group = bindGroup(device, "trail", layout, [{ buffer: frame }, { buffer: trail }]);
    this.pipeline = drawPipeline(device, {
      label: "trail",
      sources: [frameSource, palette, quad, trailSource, source],
      layout,
      vertex: "ribbon_corner",
      fragment: "ribbon_light",
      format: "rgba16float",
      add: true,
    });
  }

  encode(pass: GPURenderPassEncoder): void {
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(6 * PIECES * TRAIL_SEGMENTS);
  }
}
