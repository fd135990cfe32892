/** GPU time of a frame, where the device can tell; does nothing where it can't. */
export class Timings {
  private readonly queries: GPUQuerySet | null;
  private readonly resolved: GPUBuffer | null;
  private readonly readback: GPUBuffer | null;
  private reading = false;
  /** Someone looks at the times; reading them back costs a little each frame. */
  wanted = false;
  /** Milliseconds from the first pass's begin to the last one's end; NaN when not known. */
  milliseconds = Number.NaN;

  constructor(device: GPUDevice, timed: boolean) {
    if (!timed) {
      this.queries = null;
      this.resolved = null;
      this.readback = null;
      return;
    }
    this.queries = device.createQuerySet({ label: "frame time", type: "timestamp", count: 2 });
    const { QUERY_RESOLVE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
    this.resolved = device.createBuffer({ label: "frame time", size: 16, usage: QUERY_RESOLVE | COPY_SRC });
    this.readback = device.createBuffer({
      label: "frame time read back",
      size: 16,
      usage: COPY_DST | MAP_READ,
    });
  }

  /** The frame's first pass, made to note the time. */
  begin(pass: GPUComputePassDescriptor): GPUComputePassDescriptor {
    if (!this.queries) return pass;
    return { ...pass, timestampWrites: { querySet: this.queries, beginningOfPassWriteIndex: 0 } };
  }

  /** The frame's last pass. */
  end(pass: GPURenderPassDescriptor): GPURenderPassDescriptor {
    if (!this.queries) return pass;
    return { ...pass, timestampWrites: { querySet: this.queries, endOfPassWriteIndex: 1 } };
  }

  /** Before the frame's commands are finished. */
  resolve(encoder: GPUCommandEncoder): void {
    if (!this.queries || !this.resolved || !this.readback || this.reading || !this.wanted) return;
    encoder.resolveQuerySet(this.queries, 0, 2, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, this.readback, 0, 16);
  }

  /** After they are submitted. At most one reading is under way. */
  read(): void {
    const { readback } = this;
    if (!readback || this.reading || !this.wanted) return;
    this.reading = true;
    readback.mapAsync(GPUMapMode.READ).then(
      () => {
        const [begin = 0n, end = 0n] = new BigUint64Array(readback.getMappedRange());
        this.milliseconds = Number(end - begin) / 1e6;
        readback.unmap();
        this.reading = false;
      },
      () => undefined, // the device is gone
    );
  }

  destroy(): void {
    this.queries?.destroy();
    this.resolved?.destroy();
    this.readback?.destroy();
  }
}
