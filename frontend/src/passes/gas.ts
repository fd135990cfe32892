import frameSource from "../../../wgsl/common/frame.wgsl?raw";
import grid from "../../../wgsl/common/gas_grid.wgsl?raw";
import gasView from "../../../wgsl/common/gas_view.wgsl?raw";
import palette from "../../../wgsl/common/palette.wgsl?raw";
import source from "../../../wgsl/nebula/gas.wgsl?raw";
import { constant } from "../gpu/constant";
import type { Owner } from "../gpu/owner";
import { bindGroup, computeLayout, computePipelines } from "../gpu/pipelines";
import { type Fields, Uniform } from "../gpu/uniform";

const LEVELS = constant(grid, "GAS_LEVELS");
const PAD = constant(grid, "GAS_PAD");
/** Rows of cells the canvas has on the finest level, whatever its size. */
const ROWS = 180;
/** Cells that a thread blurs: rows and columns have a multiple of them. */
const AT_ONCE = 4;
const GROUP = constant(source, "GROUP");
/** Dynamic offsets must be multiples of this on every device. */
const STRIDE = 256;

interface LevelFields {
  readonly base: Uint32Array;
  readonly width: Uint32Array;
  readonly height: Uint32Array;
  readonly cell: Float32Array;
}

/** Gathers the wide soft light on a pyramid of coarse grids and blurs it into one texture. */
export class GasPass {
  readonly grid: Uniform;
  readonly view: Uniform;
  private readonly steps: GPUBuffer;
  private readonly layouts: GPUBindGroupLayout[];
  private readonly pipelines;
  private sized: Sized | null = null;

  constructor(
    private readonly owner: Owner,
    private readonly frame: GPUBuffer,
  ) {
    const { device } = owner;
    this.grid = new Uniform(owner, grid, "GasGrid");
    this.view = new Uniform(owner, gasView, "GasView");
    this.steps = owner.buffer("gas steps", STRIDE * LEVELS, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
    for (let level = 0; level < LEVELS; level++) {
      device.queue.writeBuffer(this.steps, level * STRIDE, new Uint32Array([level]));
    }
    const kinds = ["uniform", "uniform", "read-storage", "storage", "storage", "storage-texture"] as const;
    this.layouts = [
      computeLayout(device, "gas", kinds),
      computeLayout(device, "gas step", ["dynamic-uniform"]),
    ];
    this.pipelines = computePipelines(device, "gas", [frameSource, palette, grid, source], this.layouts, [
      "blur_rows",
      "blur_columns",
    ]);
  }

  /** Four sums a cell, fixed point: where others add their light. */
  get density(): GPUBuffer {
    return this.size().density;
  }

  get texture(): GPUTexture {
    return this.size().texture;
  }

  resize(width: number, height: number): void {
    this.sized?.owner.destroy();
    const cells = this.layOut(width, height);
    this.sized = this.makeSized(cells);
  }

  clear(encoder: GPUCommandEncoder): void {
    encoder.clearBuffer(this.size().density);
  }

  encode(pass: GPUComputePassEncoder): void {
    const { group, step, sizes } = this.size();
    pass.setBindGroup(0, group);
    pass.setBindGroup(1, step, ZERO);
    pass.setPipeline(this.pipelines.blur_rows);
    pass.dispatchWorkgroups(Math.ceil(sizes.reduce(add, 0) / (AT_ONCE * GROUP)));
    pass.setPipeline(this.pipelines.blur_columns);
    for (let level = LEVELS - 1; level >= 0; level--) {
      pass.setBindGroup(1, step, OFFSETS[level]!);
      pass.dispatchWorkgroups(Math.ceil(sizes[level]! / (AT_ONCE * GROUP)));
    }
  }

  private size(): Sized {
    if (!this.sized) throw new Error("the gas has no size yet");
    return this.sized;
  }

  private layOut(width: number, height: number): number[] {
    const levels = this.grid.fields<{ levels: LevelFields[]; cells: Uint32Array }>();
    const view = this.view.fields<Fields>();
    const sizes: number[] = [];
    let base = 0;
    for (let i = 0; i < LEVELS; i++) {
      const cell = (height / ROWS) * 2 ** i;
      const columns = wholeRuns(width / cell) + 2 * PAD;
      const rows = wholeRuns(height / cell) + 2 * PAD;
      const level = levels.levels[i]!;
      level.base[0] = base;
      level.width[0] = columns;
      level.height[0] = rows;
      level.cell[0] = cell;
      sizes.push(columns * rows);
      base += columns * rows;
    }
    levels.cells[0] = base;
    const finest = levels.levels[0]!;
    const [columns = 1, rows = 1, cell = 1] = [finest.width[0], finest.height[0], finest.cell[0]];
    view.scale!.set([1 / (cell * columns), 1 / (cell * rows)]);
    view.offset!.set([PAD / columns, PAD / rows]);
    this.grid.upload();
    this.view.upload();
    return sizes;
  }

  private makeSized(sizes: readonly number[]): Sized {
    const { device } = this.owner;
    const owner = this.owner.child();
    const cells = sizes.reduce(add, 0);
    const { levels } = this.grid.fields<{ levels: LevelFields[] }>();
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const density = owner.buffer("gas density", 16 * cells, usage);
    const rows = owner.buffer("gas rows", 16 * cells, GPUBufferUsage.STORAGE);
    const blurred = owner.buffer("gas blurred", 16 * cells, GPUBufferUsage.STORAGE);
    const texture = owner.texture(
      "gas",
      levels[0]!.width[0]!,
      levels[0]!.height[0]!,
      "rgba16float",
      GPUTextureUsage.STORAGE_BINDING | GPUTextureUsage.TEXTURE_BINDING,
    );
    const group = bindGroup(device, "gas", this.layouts[0]!, [
      { buffer: this.frame },
      { buffer: this.grid.buffer },
      { buffer: density },
      { buffer: rows },
      { buffer: blurred },
      texture.createView(),
    ]);
    const step = bindGroup(device, "gas step", this.layouts[1]!, [{ buffer: this.steps, size: 16 }]);
    return { owner, density, texture, group, step, sizes };
  }
}

interface Sized {
  readonly owner: Owner;
  readonly density: GPUBuffer;
  readonly texture: GPUTexture;
  readonly group: GPUBindGroup;
  readonly step: GPUBindGroup;
  readonly sizes: readonly number[];
}

const ZERO = [0];
const OFFSETS = Array.from({ length: LEVELS }, (_, level) => [level * STRIDE]);

function wholeRuns(cells: number): number {
  return AT_ONCE * Math.ceil(cells / AT_ONCE);
}

function add(a: number, b: number): number {
  return a + b;
}
