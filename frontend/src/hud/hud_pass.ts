import fillSource from "../../../wgsl/hud/fill.wgsl?raw";
import heatmapSource from "../../../wgsl/hud/heatmap.wgsl?raw";
import itemsSource from "../../../wgsl/hud/items.wgsl?raw";
import lineSource from "../../../wgsl/hud/line.wgsl?raw";
import patternSource from "../../../wgsl/hud/pattern.wgsl?raw";
import shapeSource from "../../../wgsl/hud/shape.wgsl?raw";
import textSource from "../../../wgsl/hud/text.wgsl?raw";
import { ATLAS_HEIGHT } from "../text/glyphs";
import { HEAT_ROWS } from "./heat_store";
import { HudResources, Sent } from "./hud_resources";
import { MOST_CLIPS, MOST_ITEMS } from "./item_list";
import { ITEM_BYTES, ITEM_WORDS, type Shader } from "./items";
import type { Scene } from "./scene";
import { glowStrength } from "./theme";

/** How each family of shapes is shaded; all share the items and the vertex stage. */
const SOURCES: Readonly<Record<Shader, string>> = {
  fill: fillSource,
  shape: shapeSource,
  line: lineSource,
  pattern: patternSource,
  heatmap: heatmapSource,
  text: textSource,
};

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

function makePipeline(device: GPUDevice, layout: GPUBindGroupLayout, shader: Shader): GPURenderPipeline {
  const label = `hud ${shader}`;
  const module = device.createShaderModule({ label, code: `${itemsSource}\n${SOURCES[shader]}` });
  const premultiplied: GPUBlendComponent = { srcFactor: "one", dstFactor: "one-minus-src-alpha" };
  return device.createRenderPipeline({
    label,
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

function makePipelines(device: GPUDevice, layout: GPUBindGroupLayout): Record<Shader, GPURenderPipeline> {
  const made = Object.keys(SOURCES).map((name) => [name, makePipeline(device, layout, name as Shader)]);
  return Object.fromEntries(made) as Record<Shader, GPURenderPipeline>;
}

export function createHudPass({ device }: { readonly device: GPUDevice }): HudPass {
  const layout = makeLayout(device);
  const pipelines = makePipelines(device, layout);
  const resources = new HudResources(device);
  const bindings = resources.bind(layout);
  const half = (MOST_ITEMS / 2) * ITEM_WORDS;
  const shapes = new Sent(device, resources.items, 0, 0, half);
  const glyphs = new Sent(device, resources.items, (MOST_ITEMS / 2) * ITEM_BYTES, half, half);
  const clips = new Sent(device, resources.clips, 0, 0, MOST_CLIPS * 4);
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
    const newHeat = uploadHeat(scene, everything);
    if (everything) {
      resources.writeRows(resources.glyphs, atlas.coverage, 0, ATLAS_HEIGHT);
    } else if (glyphRows) {
      resources.writeRows(resources.glyphs, atlas.coverage, glyphRows.first, glyphRows.count);
    }
    return everything || glyphRows !== null || newHeat;
  }

  function uploadHeat(scene: Scene, everything: boolean): boolean {
    const { heat } = scene;
    if (everything) resources.writeRows(resources.heat, heat.values, 0, HEAT_ROWS);
    let sent = everything;
    for (let rows = heat.takeDirty(); rows; rows = heat.takeDirty()) {
      if (!everything) resources.writeRows(resources.heat, heat.values, rows.first, rows.count);
      sent = true;
    }
    return sent;
  }

  function uploadItems(scene: Scene): boolean {
    const newShapes = shapes.send(scene.words, scene.shapeCount * ITEM_WORDS);
    const newGlyphs = glyphs.send(scene.words, scene.glyphCount * ITEM_WORDS);
    const newClips = clips.send(scene.clipWords, scene.clipCount * 4);
    return newShapes || newGlyphs || newClips;
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
      scene.endLayer();
      const newTextures = uploadTextures(scene);
      const newItems = uploadItems(scene);
      const newTarget = targetChanged(target, width, height, dpr);
      if (!newTextures && !newItems && !newTarget) return false;
      attachment.view = target;
      const pass = encoder.beginRenderPass(descriptor);
      pass.setBindGroup(0, bindings);
      for (let i = 0; i < scene.runCount; i++) {
        const { shader, first, count } = scene.runs[i]!;
        pass.setPipeline(pipelines[shader]);
        pass.draw(count * 6, 1, first * 6);
      }
      pass.end();
      return true;
    },
    destroy: () => resources.destroy(),
  };
}
