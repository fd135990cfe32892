import { acquireGpu, type Gpu, GpuFailure } from "../gpu/gpu";
import { type FrameInput, Renderer } from "../gpu/renderer";
import type { Arrangement } from "../hud/arrangement";
import type { Hud } from "../hud/hud";
import { createHudPass, type HudPass } from "../hud/hud_pass";
import { instrumentOf } from "../hud/instruments";
import { type Layout, layout } from "../hud/layout";
import { Seen } from "../hud/seen";
import { shown } from "../state/moment";
import type { AppState, Keyframe } from "../state/state";
import type { Distribution } from "../telemetry/protocol.gen";
import type { Positions } from "../telemetry/resources";
import type { CanvasSize } from "./canvas_size";
import { type Easel, type Picture, PictureError, type PointerTarget, type UiState } from "./picture";
import { pointedAt } from "./pointed";
import { TIMELINE } from "./transport";

/** Radians a logical pixel of dragging turns the cloud by. */
const TURN = 0.005;

/** Errors of the device that are told; one broken pipeline would tell thousands. */
const MOST_ERRORS = 20;

/** The nebula and the instruments on one GPU device. */
export class ChamberPicture implements Picture {
  readonly lost: Promise<string>;
  private readonly hudPass: HudPass;
  private readonly renderer: Renderer;
  private readonly input: FrameInput;
  private embedding = "";
  private size: CanvasSize | null = null;
  /** Of the page, while the picture is drawn on an easel. */
  private pageSize: CanvasSize | null = null;
  private easel: GPUCanvasContext | null = null;
  layout: Layout | null = null;
  private readonly placed = new Seen();
  private lookedX = Number.NaN;
  private lookedY = Number.NaN;
  private lookedOn: Keyframe<Distribution> | null = null;

  constructor(
    private readonly gpu: Gpu,
    private readonly canvas: HTMLCanvasElement,
    private readonly hud: Hud,
    private readonly now: () => number,
    state: AppState,
  ) {
    this.hudPass = createHudPass(gpu);
    this.renderer = new Renderer(gpu, this.hudPass);
    this.input = { state, view: "both", reducedMotion: false, scene: null, focus: null };
    this.lost = gpu.lost.then((info) => info.message || "The graphics device was lost.");
  }

  resize(size: CanvasSize): void {
    this.pageSize = size;
    if (this.easel) return;
    this.canvas.width = size.pixelWidth;
    this.canvas.height = size.pixelHeight;
    this.fit(size);
  }

  moveTo(easel: Easel | null): void {
    if (easel) {
      this.easel = easel.canvas.getContext("webgpu");
      const { device, format } = this.gpu;
      this.easel?.configure({ device, format, alphaMode: "opaque" });
      this.fit(easel.size);
    } else if (this.easel) {
      this.easel.unconfigure();
      this.easel = null;
      if (this.pageSize) this.resize(this.pageSize);
    }
  }

  private fit(size: CanvasSize): void {
    this.size = size;
    this.layout = null;
    this.renderer.resize(size.pixelWidth, size.pixelHeight, size.ratio);
  }

  draw(time: number, clock: number, state: AppState, ui: UiState): void {
    const { input, size, hud } = this;
    if (!size) return;
    const place = this.place(size, state, ui);
    hud.ui.topCount = ui.topCount;
    hud.ui.reducedMotion = ui.reducedMotion;
    hud.ui.shownAt = ui.shownAt;
    hud.ui.lag = ui.lag;
    hud.ui.replay = ui.replay !== null;
    hud.ui.transport = ui.transport;
    hud.ui.qr = ui.qr;
    hud.ui.pointerX = ui.pointerX;
    hud.ui.pointerY = ui.pointerY;
    this.look(state, ui, place);
    input.exact = ui.replay !== null;
    input.state = state;
    input.view = state.view;
    input.reducedMotion = ui.reducedMotion;
    input.focus = place.nebula;
    input.scene = hud.draw(state, place, size.ratio, time, clock);
    this.renderer.render(time, clock, input, this.easel ?? undefined);
  }

  get behind(): boolean {
    return this.renderer.behind;
  }

  takeIn(time: number, state: AppState): void {
    this.input.state = state;
    this.renderer.takeIn(time, this.input);
  }

  observe(time: number, state: AppState): void {
    this.hud.observe(state, time);
  }

  ask(state: AppState): void {
    this.hud.ask(state);
  }

  forget(before: number): void {
    this.hud.forget(before);
  }

  jumpToMark(direction: 1 | -1): void {
    this.hud.timeline.jump(direction);
  }

  setPositions(positions: Positions | null, time: number): void {
    if (positions?.hash !== this.embedding) this.renderer.clearPositions();
    this.embedding = positions?.hash ?? "";
    if (positions) this.renderer.setPositions(positions.points, positions.radius, time);
  }

  readonly pointer: PointerTarget = {
    hud: (event) => this.hud.pointer(event, this.input.state),
    cancelMove: () => this.hud.cancelMove(),
    cursor: (x, y) => this.hud.cursor(x, y),
    orbit: (dx, dy) => this.renderer.camera.orbit(-dx * TURN, dy * TURN, this.now()),
    pan: (dx, dy) => {
      const frame = this.layout?.nebula ?? this.size;
      const height = frame ? Math.min(frame.height, frame.width / 1.6) : 1;
      this.renderer.camera.pan(dx / height, dy / height, this.now());
    },
    zoom: (factor) => this.renderer.camera.zoomBy(factor, this.now()),
    release: () => this.renderer.camera.release(this.now()),
    resetCamera: () => this.renderer.camera.reset(this.now()),
    goTo: (goal) => this.renderer.camera.goTo(goal, this.now()),
    goal: () => this.renderer.camera.goal,
  };

  idle(): Promise<void> {
    return this.gpu.device.queue.onSubmittedWorkDone().then(() => {});
  }

  loseDevice(): void {
    this.gpu.device.destroy();
  }

  destroy(): void {
    this.renderer.destroy();
    this.hudPass.destroy();
    this.gpu.device.destroy();
  }

  /** Places the page, when something it depends on has changed. */
  private place(size: CanvasSize, state: AppState, { cockpit, replay, bare }: UiState): Layout {
    const { placed } = this;
    const arrangement = cockpit.of(state.preset);
    const timeline = replay !== null || state.options.has(TIMELINE);
    placed.begin();
    placed.value(arrangement);
    placed.value(state.view);
    placed.value(state.focus);
    placed.value(state.model);
    placed.value(timeline);
    placed.value(bare);
    if (!this.layout || placed.changed) this.layout = this.layOut(size, state, arrangement, timeline, bare);
    return this.layout;
  }

  private layOut(
    size: CanvasSize,
    state: AppState,
    arrangement: Arrangement,
    timeline: boolean,
    bare: boolean,
  ): Layout {
    const minimum = (id: string) => {
      const instrument = instrumentOf(id);
      return instrument && instrument.available?.(state) !== false ? instrument.minimum : null;
    };
    const { view, focus } = state;
    // The page's controls stand on the page, not on an easel, and not in a film.
    const controls = this.easel === null && !bare;
    return layout(size.width, size.height, { view, focus, arrangement, timeline, controls, minimum });
  }

  /** What the pointer points at: looked for when it moves, and at each keyframe. */
  private look(state: AppState, ui: UiState, place: Layout): void {
    const { pointerX, pointerY } = ui;
    if (Number.isNaN(pointerX)) {
      this.hud.ui.pointed = null;
      return;
    }
    const on = shown(state).distribution;
    if (pointerX === this.lookedX && pointerY === this.lookedY && on === this.lookedOn) return;
    this.lookedX = pointerX;
    this.lookedY = pointerY;
    this.lookedOn = on;
    const hit = this.hud.ui.hits.find(pointerX, pointerY);
    const picked = hit || !place.nebula ? null : this.renderer.pick(pointerX, pointerY, state);
    this.hud.ui.pointed = pointedAt(state, hit, picked, pointerX, pointerY);
  }
}

/** A picture on the canvas. Throws `PictureError` with a sentence for the person. */
export async function buildPicture(
  canvas: HTMLCanvasElement,
  hud: Hud,
  state: AppState,
  now: () => number,
): Promise<ChamberPicture> {
  const told = new Set<string>();
  const onError = (message: string) => {
    if (told.has(message) || told.size >= MOST_ERRORS) return;
    told.add(message);
    console.error(message);
  };
  try {
    return new ChamberPicture(await acquireGpu(canvas, onError), canvas, hud, now, state);
  } catch (error) {
    if (error instanceof GpuFailure) throw new PictureError(error.code, error.message, error.hint);
    throw error;
  }
}
