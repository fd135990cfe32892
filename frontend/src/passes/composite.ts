import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import fullscreen from "../../../wgsl/common/fullscreen.wgsl?raw";
import gasViewSource from "../../../wgsl/common/gas_view.wgsl?raw";
import source from "../../../wgsl/post/composite.wgsl?raw";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import type { Timings } from "../gpu/timings";

export interface CompositeInputs {
  readonly frame: GPUBuffer;
  readonly gasView: GPUBuffer;
  readonly sampler: GPUSampler;
  readonly sprites: GPUTexture;
  readonly gas: GPUTexture;
  readonly bloom: GPUTexture;
  /** Premultiplied alpha. */
  readonly hud: GPUTexture;
}

/** Light to colour over the ground, with the instruments on top. */
export class CompositePass {
  private readonly layout: GPUBindGroupLayout;
  private readonly pipeline: GPURenderPipeline;
  private group: GPUBindGroup | null = null;
  private readonly target: GPURenderPassColorAttachment;
  private readonly pass: GPURenderPassDescriptor;

  constructor(
    private readonly device: GPUDevice,
    format: GPUTextureFormat,
    timings: Timings,
  ) {
    this.layout = drawLayout(device, "composite", [
      "uniform",
      "uniform",
      "sampler",
      "texture",
      "texture",
      "texture",
      "texture",
    ]);
    this.pipeline = drawPipeline(device, {
      label: "composite",
      sources: [frameSource, fullscreen, gasViewSource, source],
      layout: this.layout,
      vertex: "fullscreen",
      fragment: "composite",
      format,
    });
    this.target = { view: undefined as unknown as GPUTextureView, loadOp: "clear", storeOp: "store" };
    this.pass = timings.end({ label: "composite", colorAttachments: [this.target] });
  }

  bind(inputs: CompositeInputs): void {
    this.group = bindGroup(this.device, "composite", this.layout, [
      { buffer: inputs.frame },
      { buffer: inputs.gasView },
      inputs.sampler,
      inputs.sprites.createView(),
      inputs.gas.createView(),
      inputs.bloom.createView(),
      inputs.hud.createView(),
    ]);
  }

  encode(encoder: GPUCommandEncoder, canvas: GPUTextureView): void {
    this.target.view = canvas;
    const pass = encoder.beginRenderPass(this.pass);
    pass.setPipeline(this.pipeline);
    pass.setBindGroup(0, this.group);
    pass.draw(3);
    pass.end();
  }
}
