/** Owns buffers and textures: counts their bytes and frees them together. */
export class Owner {
  private readonly buffers = new Set<GPUBuffer>();
  private readonly children = new Set<Owner>();
  private readonly textures = new Map<GPUTexture, number>();

  constructor(
    readonly device: GPUDevice,
    private readonly parent: Owner | null = null,
  ) {
    parent?.children.add(this);
  }

  /** An owner whose things count here too, and go when this one goes, if not before. */
  child(): Owner {
    return new Owner(this.device, this);
  }

  buffer(label: string, size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    const padded = Math.max(16, Math.ceil(size / 4) * 4);
    const limit = this.device.limits.maxBufferSize;
    if (padded > limit) throw new RangeError(`${label} needs ${padded} bytes; this GPU allows ${limit}`);
    const buffer = this.device.createBuffer({ label, size: padded, usage });
    this.buffers.add(buffer);
    return buffer;
  }

  texture(
    label: string,
    width: number,
    height: number,
    format: GPUTextureFormat,
    usage: GPUTextureUsageFlags,
  ): GPUTexture {
    const texture = this.device.createTexture({ label, size: [width, height], format, usage });
    this.textures.set(texture, width * height * (format === "rgba16float" ? 8 : 4));
    return texture;
  }

  get bufferBytes(): number {
    let sum = 0;
    for (const buffer of this.buffers) sum += buffer.size;
    for (const child of this.children) sum += child.bufferBytes;
    return sum;
  }

  get largestBuffer(): number {
    let most = 0;
    for (const buffer of this.buffers) most = Math.max(most, buffer.size);
    for (const child of this.children) most = Math.max(most, child.largestBuffer);
    return most;
  }

  get textureBytes(): number {
    let sum = 0;
    for (const bytes of this.textures.values()) sum += bytes;
    for (const child of this.children) sum += child.textureBytes;
    return sum;
  }

  destroy(): void {
    for (const child of [...this.children]) child.destroy();
    for (const buffer of this.buffers) buffer.destroy();
    for (const texture of this.textures.keys()) texture.destroy();
    this.buffers.clear();
    this.textures.clear();
    this.parent?.children.delete(this);
  }
}
