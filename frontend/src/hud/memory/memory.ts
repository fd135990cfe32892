import { shown } from "../../state/moment";
import type { AppState } from "../../state/state";
import { type Color, fade } from "../color";
import { bytes, duration, percent } from "../format";
import type { Instrument, InstrumentView } from "../instrument";
import { panel } from "../kit/frame";
import { caption, HEADING, heading } from "../kit/heading";
import { stackedBar } from "../kit/meter";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, glow, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { type MemoryAccount, memoryAccount } from "./memory_model";

/** Weights, cache, compute, and what is left over. */
const PAINTS: readonly Color[] = [color.data, color.prompt, fade(color.prompt, 0.55), fade(color.data, 0.22)];
const DEVICE_PAINTS: readonly Color[] = [...PAINTS.slice(0, 3), fade(color.muted, 0.35)];
const GAP = 12;
const ROW = 18;
const NUMBER = 34;
const BAR = 14;
const DEVICE = 38;
/** A panel this wide sets the devices and the history beside the account. */
const WIDE = 640;
const LEAST_HISTORY = 52;
const NO_MODEL = ["where the bytes are, once a model is loaded", "no model"];
const UNREAD = ["no reading of the memory at this moment", "no reading of this moment", "no reading"];

/** Where the bytes are: by use, by device, and through time; and how far that explains what the system counts. */
export class Memory implements InstrumentView {
  private model: MemoryAccount | null = null;
  private readonly seen = new Seen();

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    this.follow(state);
    const { model } = this;
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, memory.title, model?.captions ?? []);
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + 8;
    const body = { ...inner, y: top, height: inner.y + inner.height - top };
    if (!model) {
      scene.textFitting(
        body.x,
        body.y + 14,
        body.width,
        state.memory ? UNREAD : NO_MODEL,
        text.data,
        color.muted,
      );
      if (!state.memory) return;
    }
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const { height } = body;
    const wide = body.width >= WIDE;
    const width = wide ? Math.floor((body.width - 2 * GAP) / 2) : body.width;
    const account = model ? this.drawAccount(model, { ...body, width }) : body.y + ROW;
    const x = wide ? body.x + width + 2 * GAP : body.x;
    const y = wide ? body.y : account + GAP;
    const end = body.y + height;
    const devices = model ? this.drawDevices(model, { x, y, width, height: end - y }) : y;
    // Under both, unless the account leaves no room below it.
    const below = Math.max(account + GAP, devices);
    const under = wide && end - below >= LEAST_HISTORY;
    const history = under ? { ...body, y: below } : { x, y: devices, width, height: 0 };
    if (end - history.y >= LEAST_HISTORY)
      this.drawHistory(state, { ...history, height: end - history.y }, now);
    scene.popClip();
  }

  private follow(state: AppState): void {
    this.seen.begin();
    const { memory, cache } = shown(state);
    this.seen.value(memory);
    this.seen.value(cache);
    if (this.seen.changed) this.model = memoryAccount(state);
  }

  /** The resident size, the bar that it is made of, and a row for each part. Returns where it ends. */
  private drawAccount(model: MemoryAccount, area: Rect): number {
    const { scene } = this;
    const { x, y, width } = area;
    const used = scene.text(x, y + 24, model.residentShown, text.number, color.now);
    const said = [`resident: what the system counts`, "resident"];
    scene.textFitting(x + used + 10, y + 24, width - used - 10, said, text.caption, color.muted);
    const bar = y + NUMBER;
    stackedBar(scene, x, bar, width, BAR, model.shares, PAINTS);
    if (model.difference > 0) {
      const left = x + (1 - model.shares[3]!) * width;
      scene.hatch(left, bar, x + width - left, BAR, fade(color.data, 0.35), color.clear);
    } else {
      // Reserved beyond what is resident.
      const at = x + model.residentAt * width;
      scene.hatch(at, bar, x + width - at, BAR, fade(color.ground, 0.7), fade(color.ground, 0.25));
      scene.line(at, bar - 3, at, bar + BAR + 3, size.dataLine, color.now, glow.bracket);
    }
    scene.text(x, bar + BAR + 12, "0", text.caption, color.muted);
    scene.text(x + width, bar + BAR + 12, bytes(model.whole), text.caption, color.muted, "right");
    let line = bar + BAR + 30;
    model.uses.forEach(({ name, shown, notes, bytes: own }, i) => {
      const said = notes.map((note) => `${percent(own / model.sum)} · ${note}`);
      this.row(x, line, width, PAINTS[i]!, name, shown, said, color.data);
      line += ROW;
    });
    scene.rect(x, line - ROW + 6, width, 1, color.rule);
    const where =
      model.onDevices > 0 ? `${bytes(model.onDevices)} of it on devices` : "all in the host's memory";
    this.row(x, line, width, color.clear, "sum", model.sumShown, [where], color.now);
    line += ROW;
    const { difference } = model;
    const tone = Math.abs(difference) > model.sum ? color.attention : color.words;
    this.row(x, line, width, PAINTS[3]!, "difference", model.differenceShown, model.differenceNotes, tone);
    return line + 6;
  }

  /** A name with its colour, bytes to the right of it, and what to know of them. */
  private row(
    x: number,
    baseline: number,
    width: number,
    paint: Color,
    name: string,
    shown: string,
    notes: readonly string[],
    tone: Color,
  ): void {
    const { scene } = this;
    scene.rect(x, baseline - 8, 8, 8, paint);
    scene.text(x + 14, baseline, name, text.data, color.words);
    scene.terms.note(name, false, scene.at, text.data.size);
    const numbers = x + 14 + 21 * scene.step(text.data);
    scene.text(numbers, baseline, shown, text.data, tone, "right");
    const room = x + width - numbers - 12;
    if (room > 60) scene.textFitting(numbers + 12, baseline, room, notes, text.caption, color.muted);
  }

  /** A bar for each device, as many as there is room for. Returns where they end. */
  private drawDevices(model: MemoryAccount, area: Rect): number {
    const { scene } = this;
    const { x, width } = area;
    let { y } = area;
    const end = area.y + area.height;
    if (end - y < DEVICE + 16) return y;
    caption(scene, x, y + 11, width, "BY DEVICE", "bar: all of its memory · dark: others");
    y += 18;
    for (const one of model.devices) {
      if (y + DEVICE > end) break;
      const used = scene.text(x, y + 11, one.name, text.data, color.words);
      scene.text(x + used + 10, y + 11, one.note, text.caption, color.data);
      scene.text(x + width, y + 11, one.shown, text.caption, color.muted, "right");
      stackedBar(scene, x, y + 17, width, 8, one.shares, DEVICE_PAINTS);
      y += DEVICE;
    }
    return y;
  }

  /** The resident size through time, on a scale that holds its changes, with the sum as a level where it fits. */
  private drawHistory(state: AppState, area: Rect, now: number): void {
    const { scene, model } = this;
    const history = state.memoryReadings;
    const { x, y, width } = area;
    const axis = 62;
    const count = history.length;
    const span = Math.max(now - (count > 0 ? history.time(0) : now), 1);
    caption(scene, x, y + 11, width, "RESIDENT", `what the system counts · last ${duration(span)}`);
    const plot = { x, y: y + 20, width: width - axis, height: area.height - 26 };
    scene.rect(plot.x, plot.y, plot.width, plot.height, color.well);
    if (count === 0) return;
    // At least a hundredth of the size, so that noise does not look like a mountain.
    const least = Math.max(history.most - history.least, history.most * 0.01);
    const low = Math.max(0, history.least - least * 0.25);
    const high = history.most + least * 0.25;
    const level = (size: number): number => plot.y + plot.height * (1 - (size - low) / (high - low));
    const at = (time: number): number => plot.x + plot.width * (1 - (now - time) / span);
    const right = x + width;
    scene.rect(plot.x, plot.y, plot.width, 1, color.rule);
    scene.rect(plot.x, plot.y + plot.height - 1, plot.width, 1, color.rule);
    scene.text(right, plot.y + 8, bytes(high), text.caption, color.muted, "right");
    scene.text(right, plot.y + plot.height, bytes(low), text.caption, color.muted, "right");
    if (model && model.sum > low && model.sum < high && model.onDevices === 0) {
      const line = Math.round(level(model.sum)) + 0.5;
      scene.dashes(plot.x, line, plot.x + plot.width, line, 1, color.prompt, 4, 3);
    }
    scene.pushClip(plot.x, plot.y - 4, plot.width + 8, plot.height + 8);
    const stride = Math.max(1, Math.floor(count / 256));
    // A reading holds until the next one: steps, not slopes.
    for (let i = 0; i < count; i += stride) {
      const from = at(history.time(i));
      const next = Math.min(i + stride, count);
      const to = next < count ? at(history.time(next)) : plot.x + plot.width;
      const line = level(history.size(i));
      const base = plot.y + plot.height;
      scene.area(from, line, to, line, base, plot.y, fade(color.data, 0.3), fade(color.data, 0.02));
      scene.rect(from, line - 0.75, Math.max(to - from, 1), size.dataLine, color.data);
      if (next < count) {
        const other = level(history.size(next));
        scene.rect(to - 0.75, Math.min(line, other), size.dataLine, Math.abs(other - line), color.data);
      }
    }
    const { pinned, row, memory } = shown(state);
    if (!pinned) scene.circle(plot.x + plot.width, level(history.size(count - 1)), 3, color.now, glow.active);
    else if (row && memory) {
      const there = at(row.arrived);
      scene.dashes(there, plot.y, there, plot.y + plot.height, 1, color.attention, 2, 3);
      scene.circle(there, level(memory.process_resident), 3, color.attention, glow.active);
    }
    scene.popClip();
  }
}

export const memory: Instrument = {
  id: "memory",
  title: "MEMORY",
  short: "MEMORY",
  parts: ["memory", "cache"],
  minimum: { width: 300, height: 230 },
  create: (scene) => new Memory(scene),
};
