/** Kinds of binding, in the order of their numbers. */
export type Binding =
  | "uniform"
  | "dynamic-uniform"
  | "storage"
  | "read-storage"
  | "texture"
  | "sampler"
  | "storage-texture";

function entry(binding: number, kind: Binding, visibility: GPUShaderStageFlags): GPUBindGroupLayoutEntry {
  switch (kind) {
    case "uniform":
      return { binding, visibility, buffer: { type: "uniform" } };
    case "dynamic-uniform":
      return { binding, visibility, buffer: { type: "uniform", hasDynamicOffset: true } };
    case "storage":
      return { binding, visibility, buffer: { type: "storage" } };
    case "read-storage":
      return { binding, visibility, buffer: { type: "read-only-storage" } };
    case "texture":
      return { binding, visibility, texture: { sampleType: "float" } };
    case "sampler":
      return { binding, visibility, sampler: { type: "filtering" } };
    case "storage-texture":
      return { binding, visibility, storageTexture: { format: "rgba16float", access: "write-only" } };
  }
}

export function computeLayout(
  device: GPUDevice,
  label: string,
  kinds: readonly Binding[],
): GPUBindGroupLayout {
  const entries = kinds.map((kind, i) => entry(i, kind, GPUShaderStage.COMPUTE));
  return device.createBindGroupLayout({ label, entries });
}

export function drawLayout(device: GPUDevice, label: string, kinds: readonly Binding[]): GPUBindGroupLayout {
  const both = GPUShaderStage.VERTEX | GPUShaderStage.FRAGMENT;
  const entries = kinds.map((kind, i) => entry(i, kind, both));
  return device.createBindGroupLayout({ label, entries });
}

export function bindGroup(
  device: GPUDevice,
  label: string,
  layout: GPUBindGroupLayout,
  resources: readonly GPUBindingResource[],
): GPUBindGroup {
  const entries = resources.map((resource, binding) => ({ binding, resource }));
  return device.createBindGroup({ label, layout, entries });
}

/** Compute pipelines of one module, one for each entry point, all over the same bind groups. */
export function computePipelines<Name extends string>(
  device: GPUDevice,
  label: string,
  sources: readonly string[],
  layouts: readonly GPUBindGroupLayout[],
  entryPoints: readonly Name[],
): Record<Name, GPUComputePipeline> {
  const module = device.createShaderModule({ label, code: sources.join("\n") });
  const layout = device.createPipelineLayout({ label, bindGroupLayouts: [...layouts] });
  const made = entryPoints.map((entryPoint) => [
    entryPoint,
    device.createComputePipeline({
      label: `${label}: ${entryPoint}`,
      layout,
      compute: { module, entryPoint },
    }),
  ]);
  return Object.fromEntries(made);
}

const ADD: GPUBlendState = {
  color: { srcFactor: "one", dstFactor: "one", operation: "add" },
  alpha: { srcFactor: "one", dstFactor: "one", operation: "add" },
};

export interface DrawOptions {
  readonly label: string;
  readonly sources: readonly string[];
  readonly layout: GPUBindGroupLayout;
  readonly vertex: string;
  readonly fragment: string;
  readonly format: GPUTextureFormat;
  /** Adds to what is there instead of replacing it. */
  readonly add?: boolean;
}

export function drawPipeline(device: GPUDevice, options: DrawOptions): GPURenderPipeline {
  const { label, sources, layout, vertex, fragment, format, add } = options;
  const module = device.createShaderModule({ label, code: sources.join("\n") });
  return device.createRenderPipeline({
    label,
    layout: device.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
    vertex: { module, entryPoint: vertex },
    fragment: { module, entryPoint: fragment, targets: [add ? { format, blend: ADD } : { format }] },
    primitive: { topology: "triangle-list" },
  });
}
