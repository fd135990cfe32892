import { makeShaderDataDefinitions, makeStructuredView, type StructuredView } from "webgpu-utils";
import type { Owner } from "./owner";

/** Typed arrays over a struct's fields: written in place, so that a frame allocates nothing. */
export type Fields = Record<string, Float32Array | Uint32Array>;

/** A uniform buffer laid out by its WGSL struct. */
export class Uniform {
  readonly buffer: GPUBuffer;
  private readonly view: StructuredView;

  /** @param source WGSL that declares `struct name`. */
  constructor(
    private readonly owner: Owner,
    source: string,
    name: string,
  ) {
    this.view = makeStructuredView(struct(source, name));
    this.buffer = owner.buffer(
      `${name} uniform`,
      this.view.arrayBuffer.byteLength,
      GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    );
  }

  /** The struct's fields. Nested structs and arrays of them come as plain objects and arrays. */
  fields<T = Fields>(): T {
    return this.view.views as T;
  }

  set(values: Record<string, unknown>): void {
    this.view.set(values);
  }

  upload(): void {
    this.owner.device.queue.writeBuffer(this.buffer, 0, this.view.arrayBuffer);
  }
}

/** Definition of `struct NAME`. */
export function struct(source: string, name: string) {
  const definition = makeShaderDataDefinitions(structsOf(source)).structs[name];
  if (!definition) throw new Error(`no struct ${name} in the shader source`);
  return definition;
}

/** Structs, and the numbers their arrays are as long as: all that the parser has to know. */
function structsOf(source: string): string {
  return (source.match(/^const \w+ = [0-9]+u;|^struct \w+ \{[^}]*\}/gm) ?? []).join("\n");
}
