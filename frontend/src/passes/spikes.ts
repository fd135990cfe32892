import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import lens from "../../../wgsl/common/lens.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import quad from "../../../wgsl/common/quad.wgsl?raw";
import sprite from "../../../wgsl/common/sprite.wgsl?raw";
import source from "../../../wgsl/nebula/spikes.wgsl?raw";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import type { Drawn } from "./simulate";

/** The lens's spikes on particles that outshine it. */
export class SpikesPass {
  private readonly pipeline: GPURenderPipeline;
  private readonly group: GPUBindGroup;

  constructor(
    device: GPUDevice,
    frame: GPUBuffer,
    private readonly drawn: Drawn,
  ) {
    const layout = drawLayout(device, "spikes", ["uniform", "read-storage", "read-storage"]);
    const resources = [frame, drawn.sprites, drawn.spikes].map((buffer) => ({ buffer }));
    this.group = bindGroup(device, "spikes", layout, resources);
    this.pipeline = drawPipeline(device, {
      label: "spikes",
      sources: [frameSource, lens, palette, quad, sprite, source],
      layout,
      vertex: "spike_corner",
      fragment: "spike_light",
      format: "rgba16float",
      add: true,
    });
  }

  encode(pass: GPURenderPassEncoder): void {
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.drawIndirect(this.drawn.draws, 16);
  }
}
