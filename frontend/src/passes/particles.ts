import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import quad from "../../../wgsl/common/quad.wgsl?raw";
import sprite from "../../../wgsl/common/sprite.wgsl?raw";
import source from "../../../wgsl/nebula/particles.wgsl?raw";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import type { Drawn } from "./simulate";

/** The visible particles: core and glow, six pulled vertices each, one indirect draw. */
export class ParticlesPass {
  private readonly pipeline: GPURenderPipeline;
  private readonly group: GPUBindGroup;

  constructor(
    device: GPUDevice,
    frame: GPUBuffer,
    private readonly drawn: Drawn,
  ) {
    const layout = drawLayout(device, "particles", ["uniform", "read-storage"]);
    this.group = bindGroup(device, "particles", layout, [{ buffer: frame }, { buffer: drawn.sprites }]);
    this.pipeline = drawPipeline(device, {
      label: "particles",
      sources: [frameSource, palette, quad, sprite, source],
      layout,
      vertex: "sprite_corner",
      fragment: "sprite_light",
      format: "rgba16float",
      add: true,
    });
  }

  encode(pass: GPURenderPassEncoder): void {
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.drawIndirect(this.drawn.draws, 0);
  }
}
