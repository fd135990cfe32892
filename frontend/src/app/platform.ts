/**
 * Names that webgpu-utils takes for granted when it is loaded or reads a shader, for where they are missing: a
 * page without WebGPU must still come up and say so, and so must an older Chrome. To be imported before it.
 */
const scope = globalThis as { Float16Array?: unknown; GPUShaderStage?: unknown };

// Never used here: half floats are kept as their bits.
scope.Float16Array ??= Uint16Array;
// As in the WebGPU specification; absent outside secure contexts.
scope.GPUShaderStage ??= { VERTEX: 1, FRAGMENT: 2, COMPUTE: 4 };

export {};
