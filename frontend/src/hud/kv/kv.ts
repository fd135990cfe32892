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
import { drawLayers, layerAt } from "./kv_layers";
import {
  type AttentionRow,
  attentionRow,
  type KvLayers,
  type KvModel,
  kvLayers,
  kvModel,
  positionInCell,
  received,
  zoomCells,
} from "./kv_model";
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
import { bytesWords, type KvWords, kvWords } from "./kv_words";

const SELECTOR = 18;
const FOOTER = 32;
const LINE = 14;
const NO_WORDS: readonly string[] = [];

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

/** The KV cache of one layer as a ring of its real cells, and every layer's in brief. */
class Kv implements InstrumentView {
  private model: KvModel | null = null;
  private layers: KvLayers | null = null;
  private row: AttentionRow | null = null;
  private spikes: Float32Array | null = null;
  private zoom = 0;
  private readonly seen = new Seen();
  private readonly feed = new FlowFeed("kv row");
  private words: KvWords | null = null;
  private bytes: readonly string[] = [];
  private readonly selector = { x: 0, y: 0, width: 0, height: SELECTOR };
  private readonly placeIn = new PlaceIn(placeOf);

  constructor(private readonly scene: Scene) {}

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const moment = shown(state);
    const { body, ring } = this.placeIn.of(rect);
    // Of a moment far back the page has no row of its own; the newest come with the stream.
    if (moment.pinned && (state.model?.n_head ?? 0) > 0) this.feed.update(state, "head", now, ui.host);
    this.follow(state, moment.cache, moment.position, ring);
    const { model, layers, words } = this;
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, kv.title, words?.captions ?? NO_WORDS);
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    if (model && words) {
      const still = ui.reducedMotion || moment.pinned;
      drawCells(scene, ring, model);
      drawWindow(scene, ring, model);
      drawSpikes(scene, ring, this.spikes, this.zoom);
      drawWriteHead(scene, ring, model, moment.row?.arrived ?? 0, now, still);
      drawMiddle(scene, ring, words, drawn);
      this.drawCorners(model, words, body);
    } else this.drawEmpty(state, body);
    if (layers) this.drawFooter(layers, state.selection.layer, body, ui);
    scene.popClip();
    if (model && moment.cache) this.drawPointed(state, moment.cache, model, ring, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind !== "layer" || !this.layers) return false;
    const { count: rows, layer } = this.layers;
    if (event.type === "press" || event.type === "drag") {
      headSelected(state, layer[layerAt(this.layers, this.selector, event.x)]!, state.selection.head);
      return true;
    }
    if (event.type !== "wheel") return event.type === "release";
    const at = layer.indexOf(state.selection.layer) + Math.sign(event.wheel);
    headSelected(state, layer[Math.min(Math.max(at, 0), rows - 1)]!, state.selection.head);
    return true;
  }

  /** Makes the models anew where what they are made from has changed. */
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
    this.model = cache ? kvModel(cache, layer, promptLength(state)) : null;
    this.layers = cache ? kvLayers(cache) : null;
    this.row = this.model
      ? (attentionRow(state, layer, head, position) ?? askedRow(this.feed, position))
      : null;
    this.zoom = this.model ? zoomCells(this.model.used, this.model.cells) : 0;
    this.spikes =
      this.row && cache && this.model ? received(this.row, cache, layer, this.zoom, ring.spikes) : null;
    this.words = this.model ? kvWords(this.model, head, this.spikes ? this.zoom : 0) : null;
    this.bytes = this.layers ? bytesWords(this.layers) : NO_WORDS;
  }

  private drawCorners(model: KvModel, words: KvWords, body: Rect): void {
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
  private drawFooter(layers: KvLayers, selected: number, body: Rect, ui: HudUi): void {
    const { scene, words } = this;
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
    this.fact(right, y + LINE, half, this.bytes);
    if (!words) return;
    scene.textFitting(body.x, y, half, words.keys, text.caption, color.words);
    scene.textFitting(body.x, y + LINE, half, words.values, text.caption, color.words);
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
    cache: CacheStatus,
    model: KvModel,
    ring: RingPlace,
    rect: Rect,
    ui: HudUi,
  ): void {
    const cell = cellAt(ring, model.cells, this.zoom, ui.pointerX, ui.pointerY);
    if (!(cell >= 0)) return;
    const position = positionInCell(cache, model, cell);
    const lines = [position < 0 ? `cell ${cell}` : labelAt(state, position)];
    if (position < 0) lines.push(cell === model.writeHead ? "the next token goes here" : "free");
    else {
      const live = position >= model.offset;
      lines.push(
        `cell ${cell} · position ${position} · ${position < promptLength(state) ? "prompt" : "answer"}`,
      );
      if (!live) lines.push("out of the window");
      else if (this.row)
        lines.push(
          `attention ${probability(this.row.weight(position))} · L${model.layer}·H${state.selection.head}`,
        );
    }
    callout(this.scene, ui.pointerX, ui.pointerY, lines, rect);
  }

  private drawEmpty({ model, selection, cache }: AppState, body: Rect): void {
    const none = cache
      ? `layer ${selection.layer} keeps no keys and values`
      : "keys and values of every token so far";
    const said =
      model?.lacks.attention && (!cache || this.layers?.reservedBytes === 0) ? model.lacks.attention : none;
    const short = model?.lacks.attention ? "n/a · no attention here" : none;
    this.scene.textFitting(body.x, body.y + 18, body.width, [said, short], text.data, color.muted);
  }
}

/** The row that was asked for, once it is that of `position`. */
function askedRow({ row }: FlowFeed, position: number): AttentionRow | null {
  if (row?.position !== position) return null;
  return { query: position, weight: (key) => row.weights[key] ?? 0 };
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
