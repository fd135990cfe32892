import type { AppState } from "../../state/state";
import { fade } from "../color";
import { probability } from "../format";
import type { Hit } from "../hits";
import type { HudPointerEvent, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { outline, well } from "../kit/frame";
import { drawSwitch } from "../kit/switch";
import type { Rect } from "../layout";
import { contains } from "../layout";
import type { Scene } from "../scene";
import { color, glow, size, text, threshold } from "../theme";
import type { HudUi } from "../ui";
import { findMarks, type Mark, markFrom, markText } from "./marks";
import type { Brief, Transport } from "./transport";

const CONTROLS = 196;
/** Logical pixels between two points of the relief. */
const FINEST = 3;
/** Pixels from a mark within which the pointer means it. */
const REACH = 5;
/** Pixels that what is said of a token may take, with three marks on it. */
const CALLOUT = 90;
const [PLAY, SLOWER, FASTER, BEFORE, AFTER] = [1, 2, 3, 4, 5];

/** The whole run as a relief of its entropy, with its surprising moments, and where the page is in it. */
export class TimelineView implements InstrumentView {
  /** The page's controls: they lie over all that is drawn. */
  controls: Rect | null = null;
  private marks: readonly Mark[] = [];
  private marked: Brief | null = null;
  private markedCount = -1;
  private plot: Rect = { x: 0, y: 0, width: 1, height: 1 };
  private relief: Float32Array = new Float32Array(0);
  private transport: Transport | null = null;

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, _now: number, ui: HudUi): void {
    const { transport } = ui;
    this.transport = transport;
    if (!transport) return;
    const { scene } = this;
    this.plot = {
      x: rect.x + CONTROLS,
      y: rect.y + 12,
      width: rect.width - CONTROLS - 4,
      height: rect.height - 17,
    };
    well(scene, rect);
    this.follow(transport.tokens);
    this.drawControls(transport, rect, ui);
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    this.drawRelief(transport);
    this.drawMarks(transport.tokens.count);
    this.drawHead(state, transport);
    scene.popClip();
    ui.hits.add("slider", 0, this.plot.x, rect.y, this.plot.width, rect.height);
    this.point(state, transport.tokens, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent): boolean {
    const { transport } = this;
    if (!transport) return false;
    const pressed = event.type === "press";
    if (hit.kind === "slider" && (pressed || event.type === "drag")) transport.seek(this.stepAt(event.x));
    if (event.type === "wheel") transport.seek(Math.ceil(transport.at) - 1 + Math.sign(event.wheel));
    if (hit.kind === "button" && pressed) this.press(transport, hit.value);
    return true;
  }

  /** The mark after or before the moment on show, if there is one. */
  jump(direction: 1 | -1): void {
    const { transport } = this;
    const found = transport && markFrom(this.marks, Math.ceil(transport.at) - 1, direction);
    if (found) transport.seek(found.step);
  }

  private press(transport: Transport, button: number): void {
    if (button === PLAY) transport.toggle();
    else if (button === SLOWER) transport.changeSpeed(-1);
    else if (button === FASTER) transport.changeSpeed(1);
    else this.jump(button === AFTER ? 1 : -1);
  }

  /** Marks and relief of the run, made anew when it has grown. */
  private follow(tokens: Brief): void {
    const points = Math.max(2, Math.min(Math.floor(this.plot.width / FINEST), tokens.count));
    const same = tokens === this.marked && tokens.count === this.markedCount;
    if (same && this.relief.length === points) return;
    if (!same) this.marks = findMarks(tokens);
    this.marked = tokens;
    this.markedCount = tokens.count;
    this.relief = reliefOf(tokens, points);
  }

  private xOf(at: number): number {
    const { x, width } = this.plot;
    return x + (width * at) / Math.max(1, this.markedCount);
  }

  private stepAt(x: number): number {
    const share = (x - this.plot.x) / this.plot.width;
    return Math.min(Math.max(0, Math.floor(share * this.markedCount)), this.markedCount - 1);
  }

  private drawControls(transport: Transport, { x, y, height }: Rect, ui: HudUi): void {
    const { scene } = this;
    const left = x + size.padding;
    const row = y + height - 26;
    if (transport.replay) {
      scene.text(
        left,
        y + 16,
        `${clock(transport.time)} / ${clock(transport.duration)}`,
        text.data,
        color.now,
      );
      scene.text(x + CONTROLS - 12, y + 16, `${transport.speed}×`, text.data, color.data, "right");
    } else scene.text(left, y + 16, "THE RUN SO FAR", text.label, color.muted);
    let at = left;
    if (transport.replay) {
      at +=
        4 +
        drawSwitch(
          scene,
          ui.hits,
          PLAY!,
          [transport.playing ? "PAUSE" : "PLAY"],
          transport.playing ? 0 : -1,
          at,
          row,
        );
      at += 4 + drawSwitch(scene, ui.hits, SLOWER!, ["−", "+"], -1, at, row);
    }
    drawSwitch(scene, ui.hits, BEFORE!, ["◂", "▸"], -1, at, row);
  }

  private drawRelief({ at, tokens }: Transport): void {
    const { scene, relief, plot } = this;
    const base = plot.y + plot.height;
    outline(scene, { ...plot, y: base, height: 1 }, color.rule);
    if (tokens.count === 0) return;
    const played = this.xOf(at);
    const step = plot.width / relief.length;
    const top = reliefTop(relief);
    const y = (i: number): number => base - (plot.height * relief[i]!) / top;
    const warn = base - (plot.height * threshold.uncertain) / top;
    scene.dashes(
      plot.x,
      Math.round(warn) + 0.5,
      plot.x + plot.width,
      Math.round(warn) + 0.5,
      1,
      color.frame,
      3,
      4,
    );
    for (let i = 0; i + 1 < relief.length; i++) {
      const x0 = plot.x + (i + 0.5) * step;
      const light = x0 <= played ? 1 : 0.36;
      const paint = Math.max(relief[i]!, relief[i + 1]!) > threshold.uncertain ? color.attention : color.data;
      const [y0, y1] = [y(i), y(i + 1)];
      if (Number.isNaN(y0 + y1)) continue;
      scene.area(
        x0,
        y0,
        x0 + step,
        y1,
        base,
        plot.y,
        fade(color.data, 0.5 * light),
        fade(color.data, 0.08 * light),
      );
      scene.line(x0, y0, x0 + step, y1, 1.25, fade(paint, light), glow.none);
    }
  }

  /** Improbable tokens as dots, peaks as rings, both above the relief; loops as bars below it. */
  private drawMarks(count: number): void {
    const { scene, plot, marks } = this;
    const each = plot.width / Math.max(1, count);
    const y = plot.y - 5;
    const { attention } = color;
    for (const { kind, step, length } of marks) {
      const x = this.xOf(step + 0.5);
      if (kind === "improbable") scene.circle(x, y, 2, attention, glow.bracket);
      else if (kind === "uncertain") scene.circle(x, y, 3.5, color.clear, 0, attention, 1);
      else {
        const bar = { x: this.xOf(step), width: Math.max(3, length * each) };
        scene.rect(bar.x, plot.y + plot.height + 1, bar.width, 3, attention);
      }
    }
  }

  private drawHead(state: AppState, { at }: Transport): void {
    const { scene, plot } = this;
    const { step } = state.selection;
    if (step !== null)
      scene.rect(Math.round(this.xOf(step + 0.5)) - 1, plot.y, 2, plot.height, color.attention);
    const x = Math.round(this.xOf(at));
    scene.box(x - 1, plot.y - 10, 2, plot.height + 14, color.now, color.clear, 0, glow.active, color.data);
  }

  /** What is under the pointer: the token, how sure the model was, and why it is marked. */
  private point(state: AppState, tokens: Brief, rect: Rect, ui: HudUi): void {
    const { pointerX, pointerY } = ui;
    const { plot, scene } = this;
    if (!contains({ ...rect, x: plot.x, width: plot.width }, pointerX, pointerY) || tokens.count === 0)
      return;
    const near = this.marks.filter((mark) => Math.abs(this.xOf(mark.step + 0.5) - pointerX) <= REACH);
    const nearest = near.sort((a, b) => this.away(a, pointerX) - this.away(b, pointerX))[0];
    const step = nearest?.step ?? this.stepAt(pointerX);
    const x = Math.round(this.xOf(step + 0.5));
    scene.rect(x, plot.y, 1, plot.height, fade(color.now, 0.7));
    const id = tokens.id(step);
    const name = id === null ? `step ${step}` : (state.vocabulary?.label(id) ?? `#${id}`);
    const lines = [name, id === null ? "before this page came" : factsOf(tokens, step)];
    for (const mark of this.marks) if (covers(mark, step)) lines.push(markText(mark));
    const ceiling = this.ceilingOver(rect);
    callout(scene, x, ceiling - 30, lines, { x: rect.x, y: 0, width: rect.width, height: ceiling - 4 });
  }

  /** Below it nothing can be said: the controls may stand right on the timeline. */
  private ceilingOver({ y }: Rect): number {
    const { controls } = this;
    const room = controls ? y - controls.y - controls.height : CALLOUT;
    return controls && room >= 0 && room < CALLOUT ? controls.y : y;
  }

  private away(mark: Mark, x: number): number {
    return Math.abs(this.xOf(mark.step + 0.5) - x);
  }
}

/** How sure the model was of a token. */
function factsOf(tokens: Brief, step: number): string {
  const p = tokens.probability(step);
  const chance = p >= 0.001 ? probability(p) : p.toExponential(1);
  return `step ${step} · p ${chance} · H ${tokens.entropy(step).toFixed(2)}`;
}

function covers(mark: Mark, step: number): boolean {
  return step >= mark.step && step < mark.step + mark.length;
}

/** The greatest entropy of each of `points` stretches; NaN of those that were not seen. One token is level ground. */
function reliefOf(tokens: Brief, points: number): Float32Array {
  const relief = new Float32Array(points).fill(Number.NaN);
  for (let step = 0; step < tokens.count; step++) {
    const at = Math.min(points - 1, Math.floor((step * points) / tokens.count));
    const nats = tokens.entropy(step);
    if (Number.isNaN(relief[at]!) || nats > relief[at]!) relief[at] = nats;
  }
  return tokens.count === 1 ? relief.fill(relief[0]!) : relief;
}

function reliefTop(relief: Float32Array): number {
  return relief.reduce((most, nats) => Math.max(most, nats || 0), threshold.uncertain + 1);
}

/** 1:02.3 */
export function clock(seconds: number): string {
  const tenths = Math.floor(Math.max(0, seconds) * 10 + 1e-6);
  const left = (tenths % 600) / 10;
  return `${Math.floor(tenths / 600)}:${left < 10 ? "0" : ""}${left.toFixed(1)}`;
}
