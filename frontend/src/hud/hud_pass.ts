import { makeShaderDataDefinitions, makeStructuredView } from "webgpu-utils";
import hudSource from "../../../wgsl/hud/hud.wgsl?raw";
import itemsSource from "../../../wgsl/hud/items.wgsl?raw";
import shapesSource from "../../../wgsl/hud/shapes.wgsl?raw";
import texturesSource from "../../../wgsl/hud/textures.wgsl?raw";
import { ATLAS_HEIGHT, ATLAS_WIDTH } from "../text/glyphs";
import { HEAT_EDGE } from "./heat_store";
import { ITEM_BYTES, ITEM_WORDS, rampTexels } from "./items";
import { MOST_CLIPS, MOST_ITEMS, type Scene } from "./scene";
import { glowStrength } from "./theme";

export const hudShader = [itemsSource, shapesSource, texturesSource, hudSource].join("\n");

/** Of the target: display-referred sRGB, premultiplied, composited over the nebula. */
export const HUD_FORMAT: GPUTextureFormat = "rgba8unorm";

/** Draws a scene. One per GPU device; after a lost device a new one shows the same scene again. */
export interface HudPass {
  /**
   * Clears `target` (`width` x `height` device pixels) and draws `scene` into it. When neither has changed
   * since the last call it records nothing, leaves the target as it is, and answers false.
   */
  encode(
    encoder: GPUCommandEncoder,
    target: GPUTextureView,
    scene: Scene,
    width: number,
    height: number,
    dpr: number,
  ): boolean;
  /** GPU memory held. */
  readonly bytes: number;
  destroy(): void;
}

function makeLayout(device: GPUDevice): GPUBindGroupLayout {
  const both = GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT;
  const texture = (binding: number): GPUBindGroupLayoutEntry => ({
    binding,
    visibility: GPUShaderStage.FRAGMENT,
    texture: { sampleType: "unfilterable-float" },
  });
  return device.createBindGroupLayout({
    label: "hud",
    entries: [
      { binding: 0, visibility: both, buffer: { type: "uniform" } },
      { binding: 1, visibility: both, buffer: { type: "read-only-storage" } },
      { binding: 2, visibility: GPUShaderStage.VERTEX, buffer: { type: "read-only-storage" } },
      texture(3),
      texture(4),
      texture(5),
    ],
  });
}

function makePipeline(device: GPUDevice, layout: GPUBindGroupLayout): GPURenderPipeline {
  const module = device.createShaderModule({ label: "hud", code: hudShader });
  const premultiplied: GPUBlendComponent = { srcFactor: "one", dstFactor: "one-minus-src-alpha" };
  return device.createRenderPipeline({
    label: "hud",
    layout: device.createPipelineLayout({ label: "hud", bindGroupLayouts: [layout] }),
    vertex: { module, entryPoint: "place_corner" },
    fragment: {
      module,
      entryPoint: "shade",
      targets: [{ format: HUD_FORMAT, blend: { color: premultiplied, alpha: premultiplied } }],
    },
    primitive: { topology: "triangle-list" },
  });
}

/** The pass's own buffers and textures, of the fixed sizes that scenes have. */
class HudResources {
  readonly view = makeStructuredView(makeShaderDataDefinitions(itemsSource).uniforms.view!);
  readonly uniforms: GPUBuffer;
  readonly items: GPUBuffer;
  readonly clips: GPUBuffer;
  readonly glyphs: GPUTexture;
  readonly heat: GPUTexture;
  readonly ramp: GPUTexture;
  readonly bytes: number;

  constructor(private readonly device: GPUDevice) {
    const { UNIFORM, STORAGE } = GPUBufferUsage;
    this.uniforms = this.buffer("hud view", this.view.arrayBuffer.byteLength, UNIFORM);
    this.items = this.buffer("hud items", MOST_ITEMS * ITEM_BYTES, STORAGE);
    this.clips = this.buffer("hud clips", MOST_CLIPS * 16, STORAGE);
    this.glyphs = this.texture("hud glyphs", "r8unorm", ATLAS_WIDTH, ATLAS_HEIGHT);
    this.heat = this.texture("hud heat", "r16float", HEAT_EDGE, HEAT_EDGE);
    this.ramp = this.texture("hud heat ramp", "rgba8unorm", 256, 1);
    device.queue.writeTexture({ texture: this.ramp }, rampTexels(), { bytesPerRow: 1024 }, [256, 1]);
    const textures = ATLAS_WIDTH * ATLAS_HEIGHT + HEAT_EDGE * HEAT_EDGE * 2 + 1024;
    this.bytes = this.uniforms.size + this.items.size + this.clips.size + textures;
  }

  bind(layout: GPUBindGroupLayout): GPUBindGroup {
    return this.device.createBindGroup({
      label: "hud",
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.uniforms } },
        { binding: 1, resource: { buffer: this.items } },
        { binding: 2, resource: { buffer: this.clips } },
        { binding: 3, resource: this.glyphs.createView() },
        { binding: 4, resource: this.heat.createView() },
        { binding: 5, resource: this.ramp.createView() },
      ],
    });
  }

  /** Rows of a texture from the array that mirrors it. */
  writeRows(
    texture: GPUTexture,
    data: Uint8Array<ArrayBuffer> | Uint16Array<ArrayBuffer>,
    first: number,
    count: number,
  ): void {
    const bytesPerRow = texture.width * data.BYTES_PER_ELEMENT;
    const layout = { offset: first * bytesPerRow, bytesPerRow };
    this.device.queue.writeTexture({ texture, origin: [0, first] }, data, layout, [texture.width, count]);
  }

  destroy(): void {
    for (const owned of [this.uniforms, this.items, this.clips, this.glyphs, this.heat, this.ramp]) {
      owned.destroy();
    }
  }

  private buffer(label: string, size: number, usage: number): GPUBuffer {
    return this.device.createBuffer({ label, size, usage: usage | GPUBufferUsage.COPY_DST });
  }

  private texture(label: string, format: GPUTextureFormat, width: number, height: number): GPUTexture {
    const usage = GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST;
    return this.device.createTexture({ label, format, usage, size: [width, height] });
  }
}

/** What the GPU holds of the scene, to see what has to be sent. */
class Shown {
  private readonly words = new Uint32Array(MOST_ITEMS * ITEM_WORDS);
  private readonly clips = new Float32Array(MOST_CLIPS * 4);
  private count = -1;
  private clipCount = -1;

  /** Whether `scene` differs; takes it over if so. */
  replace(scene: Scene): boolean {
    if (this.equals(scene)) return false;
    this.words.set(scene.usedWords());
    this.clips.set(scene.usedClips());
    this.count = scene.count;
    this.clipCount = scene.clipCount;
    return true;
  }

  private equals(scene: Scene): boolean {
    if (scene.count !== this.count || scene.clipCount !== this.clipCount) return false;
    const length = scene.count * ITEM_WORDS;
    for (let i = 0; i < length; i++) if (scene.words[i] !== this.words[i]) return false;
    for (let i = 0; i < scene.clipCount * 4; i++) if (scene.clips[i] !== this.clips[i]) return false;
    return true;
  }
}

export function createHudPass({ device }: { readonly device: GPUDevice }): HudPass {
  const layout = makeLayout(device);
  const pipeline = makePipeline(device, layout);
  const resources = new HudResources(device);
  const bindings = resources.bind(layout);
  const shown = new Shown();
  let source: Scene | null = null;
  let shownTarget: GPUTextureView | null = null;
  let shownWidth = 0;
  let shownHeight = 0;
  let shownScale = 0;
  const attachment = { loadOp: "clear", storeOp: "store" } as GPURenderPassColorAttachment;
  const descriptor: GPURenderPassDescriptor = { label: "hud", colorAttachments: [attachment] };

  /** Sends what changed of the glyphs and matrices; all of it for a scene not seen before. */
  function uploadTextures(scene: Scene): boolean {
    const { atlas } = scene.glyphs;
    const everything = scene !== source;
    source = scene;
    const glyphRows = atlas.takeDirty();
    const heatRows = scene.heat.takeDirty();
    if (everything) {
      resources.writeRows(resources.glyphs, atlas.coverage, 0, ATLAS_HEIGHT);
      resources.writeRows(resources.heat, scene.heat.values, 0, HEAT_EDGE);
    } else {
      if (glyphRows) resources.writeRows(resources.glyphs, atlas.coverage, glyphRows.first, glyphRows.count);
      if (heatRows) resources.writeRows(resources.heat, scene.heat.values, heatRows.first, heatRows.count);
    }
    return everything || glyphRows !== null || heatRows !== null;
  }

  function uploadItems(scene: Scene): boolean {
    if (!shown.replace(scene)) return false;
    device.queue.writeBuffer(resources.items, 0, scene.words.buffer, 0, scene.count * ITEM_BYTES);
    device.queue.writeBuffer(resources.clips, 0, scene.clips.buffer, 0, scene.clipCount * 16);
    return true;
  }

  function targetChanged(target: GPUTextureView, width: number, height: number, scale: number): boolean {
    if (target === shownTarget && width === shownWidth && height === shownHeight && scale === shownScale) {
      return false;
    }
    shownTarget = target;
    shownWidth = width;
    shownHeight = height;
    shownScale = scale;
    resources.view.set({ pixels: [width, height], scale, glow: glowStrength });
    device.queue.writeBuffer(resources.uniforms, 0, resources.view.arrayBuffer);
    return true;
  }

  return {
    bytes: resources.bytes,
    encode(encoder, target, scene, width, height, dpr) {
      const newTextures = uploadTextures(scene);
      const newItems = uploadItems(scene);
      const newTarget = targetChanged(target, width, height, dpr);
      if (!newTextures && !newItems && !newTarget) return false;
      attachment.view = target;
      const pass = encoder.beginRenderPass(descriptor);
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.draw(scene.count * 6);
      pass.end();
      return true;
    },
    destroy: () => resources.destroy(),
  };
}
