import { makeShaderDataDefinitions, makeStructuredView } from "webgpu-utils";
import itemsSource from "../../../wgsl/hud/items.wgsl?raw";
import { ATLAS_HEIGHT, ATLAS_WIDTH } from "../text/glyphs";
import { HEAT_EDGE, HEAT_ROWS } from "./heat_store";
import { MOST_CLIPS, MOST_ITEMS } from "./item_list";
import { ITEM_BYTES, rampTexels } from "./items";

/** The pass's own buffers and textures, of the fixed sizes that scenes have. */
export class HudResources {
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
    this.heat = this.texture("hud heat", "r16float", HEAT_EDGE, HEAT_ROWS);
    this.ramp = this.texture("hud heat ramp", "rgba8unorm", 256, 1);
    device.queue.writeTexture({ texture: this.ramp }, rampTexels(), { bytesPerRow: 1024 }, [256, 1]);
    const textures = ATLAS_WIDTH * ATLAS_HEIGHT + HEAT_EDGE * HEAT_ROWS * 2 + 1024;
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

/** A part of a scene's words as the GPU holds it, to see whether it has to be sent. Allocates nothing. */
export class Sent {
  private readonly copy: Uint32Array;
  private length = 0;

  /** Words from `first` of an array, at most `most`; kept in `buffer` from byte `at`. */
  constructor(
    private readonly device: GPUDevice,
    private readonly buffer: GPUBuffer,
    private readonly at: number,
    private readonly first: number,
    most: number,
  ) {
    this.copy = new Uint32Array(most);
  }

  /** Sends `length` words, from the first to the last that is not what was sent; says whether any were other ones. */
  send(words: Uint32Array<ArrayBuffer>, length: number): boolean {
    const { copy, first } = this;
    const common = Math.min(length, this.length);
    const more = length !== this.length;
    let from = 0;
    while (from < common && words[first + from] === copy[from]) from++;
    if (from === common && !more) return false;
    let to = length;
    if (!more) while (words[first + to - 1] === copy[to - 1]) to--;
    for (let i = from; i < to; i++) copy[i] = words[first + i]!;
    this.length = length;
    if (to > from) {
      const { queue } = this.device;
      queue.writeBuffer(this.buffer, this.at + 4 * from, words.buffer, 4 * (first + from), 4 * (to - from));
    }
    return true;
  }
}
