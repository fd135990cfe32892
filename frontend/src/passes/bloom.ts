import fullscreen from "../../../wgsl/common/fullscreen.wgsl?raw";
import gasViewSource from "../../../wgsl/common/gas_view.wgsl?raw";
import source from "../../../wgsl/post/bloom.wgsl?raw";
import type { Owner } from "../gpu/owner";
import { bindGroup, drawLayout, drawPipeline } from "../gpu/pipelines";
import { Uniform } from "../gpu/uniform";
import { levelCount, levelWeights } from "../nebula/bloom_weights";

interface Rung {
  readonly pipeline: GPURenderPipeline;
  readonly group: GPUBindGroup;
  readonly pass: GPURenderPassDescriptor;
}

/** What shines spills over: a pyramid down, and up again with the recipe's weights. */
export class BloomPass {
  private readonly layout: GPUBindGroupLayout;
  private readonly prefilter: GPURenderPipeline;
  private readonly halve: GPURenderPipeline;
  private readonly climb: GPURenderPipeline;
  private owned: Owner | null = null;
  private rungs: Rung[] = [];
  private result: GPUTexture | null = null;

  constructor(
    private readonly owner: Owner,
    private readonly gasView: GPUBuffer,
    private readonly sampler: GPUSampler,
  ) {
    const { device } = owner;
    this.layout = drawLayout(device, "bloom", ["texture", "texture", "sampler", "uniform", "uniform"]);
    const pipeline = (fragment: string) =>
      drawPipeline(device, {
        label: `bloom: ${fragment}`,
        sources: [fullscreen, gasViewSource, source],
        layout: this.layout,
        vertex: "fullscreen",
        fragment,
        format: "rgba16float",
      });
    this.prefilter = pipeline("prefilter");
    this.halve = pipeline("halve");
    this.climb = pipeline("climb");
  }

  /** The bloom at half the canvas size. */
  get texture(): GPUTexture {
    if (!this.result) throw new Error("the bloom has no size yet");
    return this.result;
  }

  resize(width: number, height: number, sprites: GPUTexture, gas: GPUTexture): void {
    this.owned?.destroy();
    const owned = this.owner.child();
    this.owned = owned;
    const count = levelCount(width, height);
    const weights = levelWeights(height, count);
    const down = this.levels(owned, "bloom down", width, height, count);
    // The coarsest level has nothing to climb from: its own light is used as it is.
    const up = this.levels(owned, "bloom up", width, height, count - 1);
    this.rungs = [this.rung(owned, this.prefilter, sprites, gas, down[0]!, 1, 1)];
    for (let k = 1; k < count; k++) {
      this.rungs.push(this.rung(owned, this.halve, down[k - 1]!, gas, down[k]!, 1, 1));
    }
    for (let k = count - 2; k >= 0; k--) {
      const coarsest = k === count - 2;
      const from = coarsest ? down[k + 1]! : up[k + 1]!;
      const carry = coarsest ? weights[k + 1]! : 1;
      this.rungs.push(this.rung(owned, this.climb, down[k]!, from, up[k]!, weights[k]!, carry));
    }
    this.result = up[0] ?? down[0]!;
  }

  encode(encoder: GPUCommandEncoder): void {
    for (const { pipeline, group, pass } of this.rungs) {
      const draw = encoder.beginRenderPass(pass);
      draw.setPipeline(pipeline);
      draw.setBindGroup(0, group);
      draw.draw(3);
      draw.end();
    }
  }

  private levels(owned: Owner, label: string, width: number, height: number, count: number): GPUTexture[] {
    const usage = GPUTextureUsage.RENDER_ATTACHMENT | GPUTextureUsage.TEXTURE_BINDING;
    return Array.from({ length: count }, (_, k) => {
      const half = 2 ** (k + 1);
      const [w, h] = [Math.ceil(width / half), Math.ceil(height / half)];
      return owned.texture(`${label} 1/${half}`, w, h, "rgba16float", usage);
    });
  }

  private rung(
    owned: Owner,
    pipeline: GPURenderPipeline,
    from: GPUTexture,
    wide: GPUTexture,
    to: GPUTexture,
    weight: number,
    carry: number,
  ): Rung {
    const uniform = new Uniform(owned, source, "Rung");
    uniform.set({ weight, carry });
    uniform.upload();
    const group = bindGroup(owned.device, to.label, this.layout, [
      from.createView(),
      wide.createView(),
      this.sampler,
      { buffer: uniform.buffer },
      { buffer: this.gasView },
    ]);
    const target = { view: to.createView(), loadOp: "clear", storeOp: "store" } as const;
    return { pipeline, group, pass: { label: to.label, colorAttachments: [target] } };
  }
}
