import { shown } from "../../state/moment";
import { headSelected, optionSet } from "../../state/reduce";
import type { AppState } from "../../state/state";
import type { HeadSummary, ModelInfo } from "../../telemetry/protocol.gen";
import { labelAt } from "../attention/tokens";
import { count, percent, probability } from "../format";
import type { HeatRegion } from "../heat_store";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView, Option } from "../instrument";
import { callout } from "../kit/callout";
import { panel } from "../kit/frame";
import { caption, HEADING, heading } from "../kit/heading";
import { drawSwitch, SWITCH_HEIGHT } from "../kit/switch";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import type { Scene } from "../scene";
import { Seen } from "../seen";
import { color, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import {
  drawHistoryLine,
  drawHistoryMap,
  HISTORY_COLUMNS,
  HISTORY_ROWS,
  type HistoryView,
  writeHistory,
} from "./entropy_history";
import { drawKey, Key } from "./entropy_key";
import { drawLists, LIST_ROW, listedIn } from "./entropy_lists";
import { belowCells, cellAt, cellsIn, drawMarks, ENTROPY_GAMMA, writeEntropies } from "./entropy_map";
import { type EntropyModel, entropyModel, visibleKeys } from "./entropy_model";
import { HeadHistory } from "./head_history";
import { HistoryAsker } from "./history_asker";

const GAP = 8;
const CAPTION = 16;
/** A panel this wide sets the lists beside the maps. */
const WIDE = 820;
const MOST_LAYERS = 256;
const MOST_HEADS = 128;
/** Value of the region that holds the whole map: the cell is found from the place. */
const ANY_HEAD = -1;
/** Option of the page: share of the maximum, or nats. */
const SCALE = "entropy.scale";
const SCALE_OPTION: Option = {
  name: SCALE,
  label: "Scale of attention entropy",
  choices: [
    { value: "share", word: "share of the maximum" },
    { value: "nats", word: "nats" },
  ],
};

/** Attention entropy of all heads, now and before. Which heads look at one token only, and which at everything. */
export class EntropyMap implements InstrumentView {
  private model: EntropyModel | null = null;
  private source: HeadSummary | null = null;
  private modelInfo: ModelInfo | null = null;
  private history: HeadHistory | null = null;
  private run = "";
  /** Heads that the lists have room for, and with how many the model was made. */
  private listed = 0;
  private made = 0;
  private inNats = false;
  private cells: Rect = { x: 0, y: 0, width: 1, height: 1 };
  private historyRows = 1;
  private readonly asker = new HistoryAsker();
  private readonly writtenMap = new Seen();
  private readonly writtenHistory = new Seen();
  private readonly map: HeatRegion;
  private readonly past: HeatRegion;
  private readonly key: Key;

  constructor(private readonly scene: Scene) {
    this.map = scene.heat.region(MOST_LAYERS, MOST_HEADS);
    this.past = scene.heat.region(HISTORY_COLUMNS, HISTORY_ROWS);
    this.key = new Key(scene);
  }

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + 6;
    const body = { ...inner, y: top, height: inner.y + inner.height - top };
    this.listed = listedIn(listHeight(body));
    this.follow(state);
    this.inNats = state.options.get(SCALE) === "nats";
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, entropy.title, this.model?.captions ?? []);
    if (!this.model) {
      scene.textFitting(body.x, body.y + 14, body.width, empty(state), text.data, color.muted);
      return;
    }
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    this.drawModel(state, this.model, body, ui);
    scene.popClip();
    this.drawPointed(state, this.model, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind === "button" && event.type === "press") {
      optionSet(state, SCALE, hit.value === 1 ? "nats" : null);
      return true;
    }
    if (hit.kind !== "head" || (event.type !== "press" && event.type !== "drag")) return false;
    if (hit.value !== ANY_HEAD) headSelected(state, Math.floor(hit.value / 65536), hit.value % 65536);
    else if (this.model) {
      const cell = cellAt(this.cells, this.model, event.x, event.y);
      if (cell && !Number.isNaN(this.model.nats[cell.layer * this.model.heads + cell.head]!)) {
        headSelected(state, cell.layer, cell.head);
      }
    }
    return true;
  }

  observe(state: AppState): void {
    this.follow(state);
  }

  forget(before: number): void {
    if (before < Number.POSITIVE_INFINITY) return;
    this.run = "";
    this.history = null;
    this.asker.forget();
  }

  /** Takes the moment on show, and remembers each of the newest. */
  private follow(state: AppState): void {
    const run = state.run?.started.run_id ?? "";
    const [layers = 0, heads = 0] = state.heads?.entropy.shape ?? [];
    const { history } = this;
    if (run !== this.run || (state.heads && (history?.layers !== layers || history.heads !== heads))) {
      this.run = run;
      this.history = state.heads ? new HeadHistory(layers, heads) : null;
    }
    if (state.heads && this.history && state.heads.position > this.history.newest)
      this.history.add(state.heads);
    const { heads: summary } = shown(state);
    const roomy = this.listed <= this.made;
    if (summary === this.source && state.model === this.modelInfo && roomy) return;
    this.made = this.listed;
    this.source = summary;
    this.modelInfo = state.model;
    this.model = summary ? entropyModel(summary, state.model, this.listed) : null;
  }

  private drawModel(state: AppState, model: EntropyModel, body: Rect, ui: HudUi): void {
    const { scene } = this;
    const { hits } = ui;
    const wide = body.width >= WIDE;
    const maps = wide ? { ...body, width: Math.floor(body.width * 0.6) } : body;
    const lists = listHeight(body);
    const used = drawSwitch(scene, hits, 0, ["% OF MAX", "NATS"], this.inNats ? 1 : 0, maps.x, maps.y);
    const keyAt = { x: maps.x + used + 14, y: maps.y, width: maps.width - used - 14, height: SWITCH_HEIGHT };
    drawKey(scene, this.key, keyAt, this.inNats ? model.top.toFixed(1) : "100 %");
    const top = maps.y + SWITCH_HEIGHT + GAP;
    const room = maps.y + maps.height - top - (wide ? 0 : lists + GAP);
    const past = room >= 150 ? Math.floor(room * 0.5) : 0;
    this.drawMap(state, model, { ...maps, y: top, height: room - past }, ui);
    const end = this.cells.y + this.cells.height + belowCells;
    if (past > 0) {
      const y = end + GAP;
      this.drawHistory(state, model, { ...maps, y, height: top + room - y }, ui);
    }
    const x = wide ? maps.x + maps.width + 24 : body.x;
    const y = wide ? body.y : body.y + body.height - lists;
    const width = body.x + body.width - x;
    if (lists > 0) drawLists(scene, hits, state, model, { x, y, width, height: lists });
  }

  private drawMap(state: AppState, model: EntropyModel, part: Rect, ui: HudUi): void {
    const { scene, writtenMap: seen } = this;
    seen.begin();
    seen.value(model);
    seen.value(this.inNats);
    if (seen.changed) writeEntropies(scene.heat, this.map, model, this.inNats);
    const cells = cellsIn(part, model.layers, model.heads);
    this.cells = cells;
    const { layers, heads } = model;
    const columns = Math.min(layers, MOST_LAYERS);
    const rows = Math.min(heads, MOST_HEADS);
    scene.heatmap(cells.x, cells.y, cells.width, cells.height, this.map, columns, rows, ENTROPY_GAMMA);
    ui.hits.add("head", ANY_HEAD, cells.x, cells.y, cells.width, cells.height);
    drawMarks(scene, state, model, cells, cellAt(cells, model, ui.pointerX, ui.pointerY));
  }

  private drawHistory(state: AppState, model: EntropyModel, part: Rect, ui: HudUi): void {
    const { scene, history } = this;
    if (!history || part.height < 60) return;
    const { layer, head } = state.selection;
    const view = historyView(layer, model.position, this.inNats);
    const visible = (position: number): number => visibleKeys(state.model, layer, position);
    this.asker.follow(state, history, view, model.position, ui);
    const x = part.x + 22;
    const width = part.width - 22 - 26;
    const value = model.nats[layer * model.heads + head] ?? Number.NaN;
    const own = Number.isNaN(value)
      ? `L${layer} has no head ${head}`
      : `L${layer}·H${head} ${value.toFixed(2)} nats`;
    caption(scene, part.x, part.y + 11, part.width, "ENTROPY HISTORY", `${own} · newest ${view.columns}`);
    const below = part.height - CAPTION - 13;
    const mapHeight = Math.floor(below * 0.52);
    this.writePast(state, history, view, model, visible);
    const rect = { x, y: part.y + CAPTION, width, height: mapHeight };
    drawHistoryMap(scene, this.past, rect, this.historyRows, view.columns, head, history.heads);
    scene.text(x - 5, rect.y + 8, "0", text.caption, color.muted, "right");
    scene.text(x - 5, rect.y + mapHeight, String(history.heads - 1), text.caption, color.muted, "right");
    const line = { x, y: rect.y + mapHeight + 6, width, height: below - mapHeight - 6 };
    drawHistoryLine(scene, state, history, line, view, visible);
    const foot = line.y + line.height + 11;
    scene.text(x, foot, count(view.start), text.caption, color.muted);
    const note = "one column a position · grey line: ln n, the most there can be";
    if (scene.measure(note, text.caption) < width - 80)
      scene.text(x + width / 2, foot, note, text.caption, color.muted, "center");
    scene.text(x + width, foot, count(view.start + view.columns - 1), text.caption, color.muted, "right");
  }

  private writePast(
    state: AppState,
    history: HeadHistory,
    view: HistoryView,
    model: EntropyModel,
    visible: (position: number) => number,
  ): void {
    const { writtenHistory: seen } = this;
    seen.begin();
    for (const part of [history, history.version, view.layer, view.start, view.columns]) seen.value(part);
    seen.value(this.inNats);
    seen.value(state.model);
    if (!seen.changed) return;
    this.historyRows = writeHistory(this.scene.heat, this.past, history, view, model, visible);
  }

  private drawPointed(state: AppState, model: EntropyModel, within: Rect, ui: HudUi): void {
    const cell = cellAt(this.cells, model, ui.pointerX, ui.pointerY);
    if (!cell) return;
    const i = cell.layer * model.heads + cell.head;
    const nats = model.nats[i]!;
    const lines = [`L${cell.layer} · H${cell.head}`];
    if (Number.isNaN(nats)) lines.push("this layer has no such head");
    else {
      lines.push(
        `H = ${nats.toFixed(3)} nats · ${percent(model.share[i]!)} of ${model.most[cell.layer]!.toFixed(2)}`,
      );
      lines.push(`as ${Math.exp(nats).toFixed(1)} keys looked at alike`);
      lines.push(
        `most at ${model.peak[i]} ${labelAt(state, model.peak[i]!)} ${probability(model.peakWeight[i]!)}`,
      );
      if (model.sink[i]! > 0) lines.push(`sink ${percent(model.sink[i]!)}`);
    }
    callout(this.scene, ui.pointerX, ui.pointerY, lines, within);
  }
}

/** A window of whole powers of two, so that it stays put while tokens come; it slides when it is full. */
export function historyView(layer: number, position: number, inNats: boolean): HistoryView {
  const wanted = 2 ** Math.ceil(Math.log2(Math.max(position + 1, 32)));
  const columns = Math.min(wanted, HISTORY_COLUMNS);
  return { layer, start: Math.max(0, position + 1 - columns), columns, inNats };
}

/** Height of the lists: all of it beside the maps; below them none where there is no room for three rows. */
function listHeight({ width, height }: Rect): number {
  if (width >= WIDE) return height;
  const rows = Math.min(6, Math.floor((height - 150) / LIST_ROW / 2.4));
  return rows >= 3 ? (rows + 1) * LIST_ROW + 4 : 0;
}

function empty({ model }: AppState): string[] {
  if (model?.lacks.attention) return ["n/a · the model has no attention", "n/a · no attention"];
  return ["how sharply each head looks, once there is a token", "no token yet"];
}

export const entropy: Instrument = {
  id: "entropy",
  title: "ATTENTION ENTROPY",
  short: "ENTROPY",
  parts: ["heads"],
  minimum: { width: 320, height: 220 },
  options: [SCALE_OPTION],
  create: (scene) => new EntropyMap(scene),
};
