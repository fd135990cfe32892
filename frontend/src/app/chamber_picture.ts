import { acquireGpu, type Gpu, GpuFailure } from "../gpu/gpu";
import { type FrameInput, Renderer } from "../gpu/renderer";
import { layout } from "../hud/layout";
import type { AppState } from "../state/state";
import type { Positions } from "../telemetry/resources";
import type { CanvasSize } from "./canvas_size";
import type { Rect } from "./controls/dock";
import { type Picture, PictureError, type PointerTarget, type UiState } from "./picture";

/** Radians a logical pixel of dragging turns the cloud by. */
const TURN = 0.005;

/** The nebula and the instruments on one GPU device. */
export class ChamberPicture implements Picture {
  readonly lost: Promise<string>;
  private readonly renderer: Renderer;
  private readonly input: FrameInput;
  private vocabulary = "";
  private size: CanvasSize | null = null;

  constructor(
    private readonly gpu: Gpu,
    private readonly canvas: HTMLCanvasElement,
    private readonly now: () => number,
    state: AppState,
  ) {
    this.renderer = new Renderer(gpu, null);
    this.input = { time: 0, state, view: "both", reducedMotion: false, scene: null, focus: null };
    this.lost = gpu.lost.then((info) => info.message || "The graphics device was lost.");
  }

  resize(size: CanvasSize): void {
    this.size = size;
    this.canvas.width = size.pixelWidth;
    this.canvas.height = size.pixelHeight;
    this.renderer.resize(size.pixelWidth, size.pixelHeight, size.ratio);
  }

  draw(time: number, state: AppState, ui: UiState): void {
    const { input, size } = this;
    if (!size) return;
    input.time = time;
    input.state = state;
    input.view = state.view;
    input.reducedMotion = ui.reducedMotion;
    input.focus = layout(size.width, size.height, state.view).nebula;
    this.renderer.render(input);
  }

  setPositions(positions: Positions | null, time: number): void {
    if (!positions || positions.hash !== this.vocabulary) this.renderer.clearPositions();
    this.vocabulary = positions?.hash ?? "";
    if (positions) this.renderer.setPositions(positions.points, positions.radius, time);
  }

  controls(size: CanvasSize, state: AppState): Rect {
    return layout(size.width, size.height, state.view).controls;
  }

  readonly pointer: PointerTarget = {
    press: () => false,
    scroll: () => false,
    isButton: () => false,
    orbit: (dx, dy) => this.renderer.camera.orbit(-dx * TURN, dy * TURN, this.now()),
    pan: (dx, dy) => {
      const height = this.size?.height ?? 1;
      this.renderer.camera.pan(dx / height, dy / height, this.now());
    },
    zoom: (factor) => this.renderer.camera.zoomBy(factor, this.now()),
    release: () => this.renderer.camera.release(this.now()),
    resetCamera: () => this.renderer.camera.reset(this.now()),
  };

  idle(): Promise<void> {
    return this.gpu.device.queue.onSubmittedWorkDone().then(() => {});
  }

  loseDevice(): void {
    this.gpu.device.destroy();
  }

  destroy(): void {
    this.renderer.destroy();
    this.gpu.device.destroy();
  }
}

/** A picture on the canvas. Throws `PictureError` with a sentence for the person. */
export async function buildPicture(
  canvas: HTMLCanvasElement,
  state: AppState,
  now: () => number,
): Promise<ChamberPicture> {
  try {
    return new ChamberPicture(await acquireGpu(canvas), canvas, now, state);
  } catch (error) {
    if (error instanceof GpuFailure) throw new PictureError(error.code, error.message, error.hint);
    throw error;
  }
}
