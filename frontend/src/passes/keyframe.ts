import source from "../../../wgsl/nebula/keyframe.wgsl?raw";
import { constant } from "../gpu/constant";
import type { Owner } from "../gpu/owner";
import { bindGroup, computeLayout, computePipelines } from "../gpu/pipelines";
import { type Fields, Uniform } from "../gpu/uniform";
import type { Distribution } from "../telemetry/protocol.gen";

const GROUP = constant(source, "GROUP");

/** Takes a distribution to the GPU as it came off the wire and decodes it there into light. */
export class KeyframePass {
  private readonly uniform: Uniform;
  private readonly fields: Fields;
  private readonly codes: GPUBuffer;
  private readonly indexLow: GPUBuffer;
  private readonly values: GPUBuffer;
  private readonly group: GPUBindGroup;
  private readonly pipelines;
  private readonly tail = new Uint8Array(4);

  /** @param light one vec2f a particle. */
  constructor(
    private readonly owner: Owner,
    light: GPUBuffer,
    private readonly count: number,
  ) {
    const { device } = owner;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    this.uniform = new Uniform(owner, source, "Keyframe");
    this.fields = this.uniform.fields();
    this.codes = owner.buffer("keyframe codes", Math.ceil(count / 2) + 4, usage);
    this.indexLow = owner.buffer("keyframe ids", 2 * count + 4, usage);
    this.values = owner.buffer("keyframe values", 2 * count + 4, usage);
    const kinds = ["uniform", "read-storage", "read-storage", "read-storage", "storage"] as const;
    const layout = computeLayout(device, "keyframe", kinds);
    const buffers = [this.uniform.buffer, this.codes, this.indexLow, this.values, light];
    this.group = bindGroup(
      device,
      "keyframe",
      layout,
      buffers.map((buffer) => ({ buffer })),
    );
    this.pipelines = computePipelines(
      device,
      "keyframe",
      [source],
      [layout],
      ["decode_codes", "scatter_listed", "scatter_top"],
    );
  }

  /**
   * Makes `event` the goal; null is darkness.
   *
   * @param ease how far the keyframe before had come: what is shown becomes the start.
   */
  encode(pass: GPUComputePassEncoder, event: Distribution | null, ease: number): void {
    const listed = event ? Math.min(event.index_low.data.length, event.values.data.length, this.count) : 0;
    const top = event ? Math.min(event.top_ids.data.length, event.top_p.data.length, 20) : 0;
    this.writeUniform(event, listed, top, ease);
    if (event) {
      this.write(this.codes, event.codes.data, Math.ceil(this.count / 2));
      this.write(this.indexLow, event.index_low.data, 2 * listed);
      this.write(this.values, event.values.data, 2 * listed);
    }
    pass.setBindGroup(0, this.group);
    pass.setPipeline(this.pipelines.decode_codes);
    pass.dispatchWorkgroups(Math.ceil(this.count / GROUP));
    if (listed > 0) {
      pass.setPipeline(this.pipelines.scatter_listed);
      pass.dispatchWorkgroups(Math.ceil(listed / GROUP));
    }
    if (top > 0) {
      pass.setPipeline(this.pipelines.scatter_top);
      pass.dispatchWorkgroups(1);
    }
  }

  private writeUniform(event: Distribution | null, listed: number, top: number, ease: number): void {
    const f = this.fields;
    // Without codes only the listed tokens have any probability.
    fill(f.codebook!, event?.codes.data.length ? event.codebook.data : undefined);
    fill(f.top_ids!, event?.top_ids.data);
    fill(f.top_p!, event?.top_p.data);
    fill(f.block_counts!, event?.block_counts.data);
    f.low![0] = event?.low ?? 0;
    f.high![0] = event?.high ?? 0;
    f.count![0] = this.count;
    f.listed![0] = listed;
    f.top![0] = top;
    f.light_ease![0] = ease;
    this.uniform.upload();
  }

  /** Up to `limit` bytes; the last few go by way of a copy, for sizes that are no multiple of 4. */
  private write(buffer: GPUBuffer, data: Uint8Array | Uint16Array, limit: number): void {
    const size = Math.min(data.byteLength, limit);
    const whole = size - (size % 4);
    const { queue } = this.owner.device;
    const bytes = data.buffer as ArrayBuffer;
    if (whole > 0) queue.writeBuffer(buffer, 0, bytes, data.byteOffset, whole);
    if (whole === size) return;
    this.tail.fill(0);
    for (let i = whole; i < size; i++) {
      const wide = data.BYTES_PER_ELEMENT === 2;
      const item = data[wide ? i >> 1 : i] ?? 0;
      this.tail[i - whole] = wide ? (i & 1 ? item >> 8 : item & 255) : item;
    }
    queue.writeBuffer(buffer, whole, this.tail);
  }
}

function fill(target: Float32Array | Uint32Array, values: Float32Array | Uint32Array | undefined): void {
  target.fill(0);
  if (!values) return;
  const size = Math.min(values.length, target.length);
  for (let i = 0; i < size; i++) target[i] = values[i]!;
}
