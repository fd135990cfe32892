import { shown } from "../../state/moment";
import { headSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { CacheStatus } from "../../telemetry/protocol.gen";
import { labelAt, promptLength } from "../attention/tokens";
import { FlowFeed } from "../flow/flow_feed";
import { probability } from "../format";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { panel, rule } from "../kit/frame";
import { HEADING, heading } from "../kit/heading";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import { PlaceIn } from "../place_in";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { drawLayers, layerAt, TABLE } from "./kv_layers";
import { positionInCell } from "./kv_model";
import {
  cellAt,
  drawCells,
  drawMiddle,
  drawSpikes,
  drawWindow,
  drawWriteHead,
  placeRing,
  type RingPlace,
} from "./kv_ring";
import { type KvOwn, type KvShown, kvShown } from "./kv_shown";
import type { KvWide } from "./kv_wide";

const SELECTOR = 18;
const FOOTER = 32;
const LINE = 14;
const NO_WORDS: readonly string[] = [];
/** A panel this large shows the cells in rows and the layers in a table, beside the ring. */
const WIDE = 900;
const TALL = 420;

/** What the heading leaves of the panel, and the ring in it. */
interface Place {
  readonly body: Rect;
  readonly ring: RingPlace;
}

function placeOf(panel: Rect): Place {
  const inner = inset(panel, size.padding);
  const y = panel.y + HEADING + 4;
  const body = { ...inner, y, height: inner.y + inner.height - y };
  const height = body.height - FOOTER - SELECTOR - 14;
  const outer = Math.max(Math.min(height / 2, body.width * 0.44), 30);
  const ring = placeRing(Math.round(body.x + body.width / 2), Math.round(body.y + height / 2), outer);
  return { body, ring };
}

/** What stands beside the ring in a large panel: code enough for a file of its own, which comes with the first one. */
let large: typeof KvWide | null = null;
let asked = false;

export async function loadWide(): Promise<void> {
  if (asked) return;
  asked = true;
  try {
    large = (await import("./kv_wide")).KvWide;
  } catch {
    // The panel stays as it is in the cockpit; every frame would ask again.
  }
}

/** The KV cache of one layer as a ring of its real cells, and every layer's in brief. */
class Kv implements InstrumentView {
  private shown: KvShown | null = null;
  private wide: KvWide | null = null;
  private readonly seen = new Seen();
  private readonly feed = new FlowFeed("kv row");
  private readonly selector = { x: 0, y: 0, width: 0, height: SELECTOR };
  private readonly placeIn = new PlaceIn(placeOf);

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const moment = shown(state);
    const wide = this.wideIn(rect);
    const { body, ring } = (wide?.placeIn ?? this.placeIn).of(rect);
    // Of a moment far back the page has no row of its own; the newest come with the stream.
    if (moment.pinned && (state.model?.n_head ?? 0) > 0) this.feed.update(state, "head", now, ui.host);
    this.follow(state, moment.cache, moment.position, ring);
    const own = this.shown?.own ?? null;
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, kv.title, own?.words.captions ?? NO_WORDS);
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    if (own) {
      const still = ui.reducedMotion || moment.pinned;
      drawCells(scene, ring, own.model);
      drawWindow(scene, ring, own.model);
      drawSpikes(scene, ring, own.spikes, own.zoom);
      drawWriteHead(scene, ring, own.model, moment.row?.arrived ?? 0, now, still);
      drawMiddle(scene, ring, own.words, drawn);
      if (!wide) this.drawCorners(own, body);
    } else this.drawEmpty(state, body);
    if (this.shown && wide) wide.draw(state, this.shown, rect, ui);
    else if (this.shown) this.drawFooter(this.shown, state.selection.layer, body, ui);
    scene.popClip();
    if (this.shown) this.drawPointed(state, this.shown, ring, wide, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind !== "layer" || !this.shown) return false;
    const { layers } = this.shown;
    const { count: rows, layer } = layers;
    if (event.type === "press" || event.type === "drag") {
      const row =
        hit.value === TABLE && this.wide ? this.wide.rowAt(event.y) : layerAt(layers, this.selector, event.x);
      headSelected(state, layer[Math.min(Math.max(row, 0), rows - 1)]!, state.selection.head);
      return true;
    }
    if (event.type !== "wheel") return event.type === "release";
    const at = layer.indexOf(state.selection.layer) + Math.sign(event.wheel);
    headSelected(state, layer[Math.min(Math.max(at, 0), rows - 1)]!, state.selection.head);
    return true;
  }

  private wideIn(rect: Rect): KvWide | null {
    if (rect.width < WIDE || rect.height < TALL) return null;
    if (!large) void loadWide();
    else this.wide ??= new large(this.scene);
    return this.wide;
  }

  /** Makes what is shown anew where what it is made from has changed. */
  private follow(state: AppState, cache: CacheStatus | null, position: number, ring: RingPlace): void {
    const { seen } = this;
    const { layer, head } = state.selection;
    seen.begin();
    seen.value(cache);
    seen.value(layer);
    seen.value(head);
    seen.value(position);
    seen.value(state.run?.started);
    seen.value(state.attention.get(`${layer}/${head}`));
    seen.value(state.attentionHistory.get(layer, head)?.revision);
    seen.value(this.feed.row);
    seen.value(ring.spikes);
    if (!seen.changed) return;
    this.shown = cache ? kvShown(state, cache, position, this.feed, ring.spikes) : null;
  }

  private drawCorners({ model, words }: KvOwn, body: Rect): void {
    const { scene } = this;
    const right = body.x + body.width;
    const top = body.y + 11;
    this.pair(body.x, top, "prompt", words.prompt, color.prompt, "left");
    this.pair(body.x, top + 2 * LINE + 4, "answer", words.answer, color.data, "left");
    this.pair(right, top, "write", words.write, color.attention, "right");
    this.pair(right, top + 2 * LINE + 4, "free", words.free, color.muted, "right");
    const low = body.y + body.height - FOOTER - SELECTOR - 22;
    if (model.window > 0) {
      this.pair(body.x, low - 2 * LINE - 4, "window", words.window, color.now, "left");
      this.pair(body.x, low, "offset", words.offset, color.data, "left");
      this.pair(right, low - 2 * LINE - 4, "position", words.position, color.data, "right");
    } else {
      scene.text(body.x, low, "inner ring", text.caption, color.muted);
      scene.text(body.x, low + LINE - 2, words.inner, text.caption, color.muted);
    }
    scene.text(right, low, "spike =", text.caption, color.muted, "right");
    scene.text(right, low + LINE - 2, "√attention", text.caption, color.muted, "right");
  }

  private pair(
    x: number,
    y: number,
    name: string,
    value: string,
    paint: number,
    align: "left" | "right",
  ): void {
    this.scene.text(x, y, name, text.caption, paint === color.muted ? color.muted : paint, align);
    this.scene.text(x, y + LINE - 1, value, text.data, paint, align);
  }

  /** The selector, and bytes: of the layer, and of all. */
  private drawFooter({ layers, bytes, own }: KvShown, selected: number, body: Rect, ui: HudUi): void {
    const { scene } = this;
    const bottom = body.y + body.height;
    const { selector } = this;
    selector.x = body.x;
    selector.y = bottom - FOOTER - SELECTOR - 4;
    selector.width = body.width;
    drawLayers(scene, layers, selected, selector);
    ui.hits.add("layer", 0, selector.x, selector.y - 2, selector.width, selector.height + 6);
    rule(scene, body.x, bottom - FOOTER + 2, body.width);
    const half = Math.floor(body.width / 2) - 4;
    const y = bottom - FOOTER + 16;
    const right = body.x + body.width;
    this.fact(right, y, half, layers.said);
    this.fact(right, y + LINE, half, bytes);
    if (!own) return;
    scene.textFitting(body.x, y, half, own.words.keys, text.caption, color.words);
    scene.textFitting(body.x, y + LINE, half, own.words.values, text.caption, color.words);
  }

  /** The first wording that fits, to the right. */
  private fact(right: number, y: number, room: number, wordings: readonly string[]): void {
    const { scene } = this;
    let i = 0;
    while (i + 1 < wordings.length && scene.measure(wordings[i]!, text.caption) > room) i++;
    scene.text(right, y, wordings[i]!, text.caption, color.muted, "right");
  }

  private drawPointed(
    state: AppState,
    shown: KvShown,
    ring: RingPlace,
    wide: KvWide | null,
    rect: Rect,
    ui: HudUi,
  ): void {
    const { pointerX: x, pointerY: y } = ui;
    const told = wide?.layerTold(x, y);
    if (told) callout(this.scene, x, y, told, rect);
    if (!shown.own) return;
    const { model, zoom } = shown.own;
    let cell = cellAt(ring, model.cells, zoom, x, y);
    if (wide && !(cell >= 0)) cell = wide.cellAt(x, y);
    if (cell >= 0) callout(this.scene, x, y, cellTold(state, shown.cache, shown.own, cell), rect);
  }

  private drawEmpty({ model, selection, cache }: AppState, body: Rect): void {
    const none = cache
      ? `layer ${selection.layer} keeps no keys and values`
      : "keys and values of every token so far";
    const nothing = model?.lacks.attention && (!cache || this.shown?.layers.reservedBytes === 0);
    const said = nothing ? model.lacks.attention! : none;
    const short = model?.lacks.attention ? "n/a · no attention here" : none;
    this.scene.textFitting(body.x, body.y + 18, body.width, [said, short], text.data, color.muted);
  }
}

/** What there is to say of a cell. */
function cellTold(state: AppState, cache: CacheStatus, { model, row }: KvOwn, cell: number): string[] {
  const position = positionInCell(cache, model, cell);
  if (position < 0) return [`cell ${cell}`, cell === model.writeHead ? "the next token goes here" : "free"];
  const whose = position < promptLength(state) ? "prompt" : "answer";
  const lines = [labelAt(state, position), `cell ${cell} · position ${position} · ${whose}`];
  if (position < model.offset) lines.push("out of the window");
  else if (row)
    lines.push(`attention ${probability(row.weight(position))} · L${model.layer}·H${state.selection.head}`);
  return lines;
}

export const kv: Instrument = {
  id: "kv",
  title: "KV CACHE",
  short: "KV",
  parts: ["cache", "attention"],
  minimum: { width: 240, height: 236 },
  attention: ({ selection }) => [[selection.layer, selection.head]],
  create: (scene) => new Kv(scene),
};
