import { shown } from "../../state/moment";
import { headSelected } from "../../state/reduce";
import type { AppState } from "../../state/state";
import { floatToHalf } from "../../telemetry/half";
import type { ExpertRouting } from "../../telemetry/protocol.gen";
import { fade } from "../color";
import { percent, probability } from "../format";
import { HEAT_EDGE, type HeatRegion } from "../heat_store";
import type { Hit } from "../hits";
import type { HudPointerEvent, Instrument, InstrumentView } from "../instrument";
import { callout } from "../kit/callout";
import { panel } from "../kit/frame";
import { caption, HEADING, heading } from "../kit/heading";
import { bar } from "../kit/meter";
import { inset, type Rect } from "../layout";
import { progress } from "../motion";
import type { Scene } from "../scene";
import { color, glow, heatGamma, motion, size, text } from "../theme";
import type { HudUi } from "../ui";
import { drawLoad } from "./experts_load";
import { type ExpertsModel, expertsModel, rowOf } from "./experts_model";

const MOST_EXPERTS = 512;
const MOST_LAYERS = 128;
const CAPTION = 18;
const GAP = 10;
const LEFT = 24;
/** Bars of variation at the right of the map. */
const SPREAD = 72;
const ROW = 16;
const MOST_PITCH = 40;
/** A panel this wide sets the selected layer beside the map. */
const WIDE = 620;

/** Mixture of experts: which ones each layer chose for this token, and how the load lies since the run began. */
export class Experts implements InstrumentView {
  private model: ExpertsModel | null = null;
  private source: ExpertRouting | null = null;
  private readonly region: HeatRegion;
  private map: Rect = { x: 0, y: 0, width: 1, height: 1 };

  constructor(private readonly scene: Scene) {
    this.region = scene.heat.region(MOST_EXPERTS, MOST_LAYERS);
  }

  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void {
    const { scene } = this;
    this.follow(state);
    const { model } = this;
    const drawn = ui.reducedMotion ? 1 : progress(now, ui.shownAt, motion.bracketDraw);
    panel(scene, rect, drawn);
    heading(scene, rect, experts.title, model?.captions ?? []);
    const inner = inset(rect, size.padding);
    const top = rect.y + HEADING + 6;
    const body = { ...inner, y: top, height: inner.y + inner.height - top };
    if (!model || model.experts === 0 || model.layers.length === 0) {
      scene.textFitting(body.x, body.y + 14, body.width, empty(state), text.data, color.muted);
      return;
    }
    scene.pushClip(rect.x, rect.y, rect.width, rect.height);
    const row = rowOf(model, state.selection.layer);
    if (body.width >= WIDE) {
      const width = Math.floor((body.width - 2 * GAP) * 0.56);
      this.drawMap(state, model, row, { ...body, width }, ui);
      const x = body.x + width + 2 * GAP;
      this.drawLayer(state, model, row, { ...body, x, width: body.width - width - 2 * GAP }, ui);
    } else {
      const height = Math.floor(body.height * 0.46);
      this.drawMap(state, model, row, { ...body, height }, ui);
      const y = body.y + height + GAP;
      this.drawLayer(state, model, row, { ...body, y, height: body.height - height - GAP }, ui);
    }
    scene.popClip();
    this.drawPointed(model, rect, ui);
  }

  pointer(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState): boolean {
    if (hit.kind !== "layer" || (event.type !== "press" && event.type !== "drag") || !this.model)
      return false;
    const row = this.rowAt(this.model, event.y);
    if (row >= 0) headSelected(state, this.model.layers[row]!, state.selection.head);
    return true;
  }

  private follow(state: AppState): void {
    const { experts: routing } = shown(state);
    if (routing === this.source) return;
    this.source = routing;
    this.model = routing ? expertsModel(routing) : null;
    if (this.model) this.write(this.model);
  }

  /** The weights of this token's experts as a share of their scale. */
  private write({ layers, experts: many, weights, top }: ExpertsModel): void {
    const { heat } = this.scene;
    const rows = Math.min(layers.length, MOST_LAYERS);
    const columns = Math.min(many, MOST_EXPERTS);
    for (let row = 0; row < rows; row++) {
      const to = (this.region.y + row) * HEAT_EDGE + this.region.x;
      for (let column = 0; column < columns; column++) {
        heat.values[to + column] = floatToHalf(Math.max(weights[row * many + column]! / top, 0));
      }
    }
    heat.touch(this.region, 0, rows);
  }

  private rowAt(model: ExpertsModel, y: number): number {
    const row = Math.floor(((y - this.map.y) / this.map.height) * model.layers.length);
    return row >= 0 && row < model.layers.length ? row : -1;
  }

  private expertAt(model: ExpertsModel, x: number): number {
    const expert = Math.floor(((x - this.map.x) / this.map.width) * model.experts);
    return expert >= 0 && expert < model.experts ? expert : -1;
  }

  private drawMap(state: AppState, model: ExpertsModel, selected: number, area: Rect, ui: HudUi): void {
    const { scene } = this;
    const many = model.layers.length;
    const scale = `weight 0 – ${model.top} · v^${heatGamma}`;
    caption(scene, area.x, area.y + 11, area.width - SPREAD - GAP, "THIS TOKEN", scale);
    const y = area.y + CAPTION;
    const room = area.height - CAPTION - 12;
    const pitch = Math.min(room / many, MOST_PITCH);
    const height = pitch >= 4 ? Math.floor(pitch) * many : pitch * many;
    const map = { x: area.x + LEFT, y, width: area.width - LEFT - SPREAD - GAP, height };
    this.map = map;
    const columns = Math.min(model.experts, MOST_EXPERTS);
    const rows = Math.min(many, MOST_LAYERS);
    scene.heatmap(map.x, map.y, map.width, map.height, this.region, columns, rows, heatGamma);
    ui.hits.add("layer", 0, area.x, map.y, area.width, map.height);
    const each = map.height / many;
    const every = Math.max(1, Math.ceil(12 / each));
    const right = map.x + map.width;
    const loads = model.loads;
    // Variations on one scale for all layers: that of the greatest, and at least 1.
    const most = loads?.reduce((top, load) => Math.max(top, load.variation), 1) ?? 1;
    if (loads) scene.text(area.x + area.width, area.y + 11, "CV OF LOAD", text.caption, color.muted, "right");
    for (let row = 0; row < many; row++) {
      const on = row === selected;
      const top = map.y + row * each;
      const middle = top + each / 2;
      const load = loads?.[row];
      if (load) {
        const thick = Math.max(each - 2, 1);
        bar(
          scene,
          right + GAP,
          top + (each - thick) / 2,
          SPREAD - 30,
          thick,
          load.variation / most,
          fade(color.data, 0.7),
        );
        const chance = right + GAP + (SPREAD - 30) * Math.min(load.chance / most, 1);
        scene.rect(chance, top, 1, each, color.words);
      }
      if (!on && (row % every !== 0 || Math.abs(row - selected) * each < 11)) continue;
      const paint = on ? color.attention : color.muted;
      scene.text(map.x - 5, middle + 3.5, String(model.layers[row]!), text.caption, paint, "right");
      if (load) {
        const value = load.variation.toFixed(2);
        scene.text(
          area.x + area.width,
          middle + 3.5,
          value,
          text.caption,
          on ? color.attention : color.words,
          "right",
        );
      }
    }
    const at = map.y + selected * each;
    scene.box(
      map.x - 1,
      at - 0.5,
      map.width + 2,
      each + 1,
      color.clear,
      color.attention,
      1,
      glow.bracket,
      fade(color.attention, 0.5),
    );
    scene.text(map.x, map.y + map.height + 11, "expert 0", text.caption, color.muted);
    scene.text(right, map.y + map.height + 11, String(model.experts - 1), text.caption, color.muted, "right");
    const own = state.selection.layer;
    if (model.layers[selected] !== own) {
      const said = `L${own} has no experts`;
      scene.text(
        map.x + map.width / 2,
        map.y + map.height + 11,
        said,
        text.caption,
        color.attention,
        "center",
      );
    }
  }

  /** The selected layer: its experts for this token, and its load. */
  private drawLayer(state: AppState, model: ExpertsModel, row: number, area: Rect, ui: HudUi): void {
    const { scene } = this;
    const chosen = model.chosen[row]!;
    const layer = model.layers[row]!;
    const sum = chosen.reduce((total, { weight }) => total + weight, 0);
    const columns = area.width >= 300 && chosen.length > 3 ? 2 : 1;
    const fits = Math.max(1, Math.floor((area.height * 0.5 - CAPTION) / ROW));
    const rows = Math.min(Math.ceil(chosen.length / columns), fits);
    const left = chosen.length - rows * columns;
    const more = left > 0 ? ` · ${left} more` : "";
    caption(
      scene,
      area.x,
      area.y + 11,
      area.width,
      "EXPERTS",
      `L${layer} · Σ weights ${sum.toFixed(2)}${more}`,
    );
    const width = (area.width - (columns - 1) * 2 * GAP) / columns;
    for (let i = 0; i < Math.min(chosen.length, rows * columns); i++) {
      const { expert, weight } = chosen[i]!;
      const x = area.x + Math.floor(i / rows) * (width + 2 * GAP);
      const y = area.y + CAPTION + (i % rows) * ROW;
      scene.text(x + 26, y + 11, String(expert), text.data, color.words, "right");
      bar(
        scene,
        x + 34,
        y + 4,
        width - 34 - 40,
        7,
        weight / model.top,
        i === 0 ? color.now : color.data,
        i === 0 ? glow.bracket : 0,
      );
      scene.text(
        x + width,
        y + 11,
        weight > 1 ? weight.toFixed(2) : probability(weight),
        text.data,
        color.data,
        "right",
      );
    }
    const y = area.y + CAPTION + rows * ROW + GAP;
    const rest = { ...area, y, height: area.y + area.height - y };
    const load = model.loads?.[row];
    if (load && rest.height >= 60) {
      const over = this.rowAt(model, ui.pointerY) >= 0 ? this.expertAt(model, ui.pointerX) : -1;
      drawLoad(scene, model, row, load, rest, over);
    } else if (!load && state.run) {
      scene.textWithin(area.x, y + 11, area.width, "the load was not recorded", text.caption, color.muted);
    }
  }

  private drawPointed(model: ExpertsModel, within: Rect, ui: HudUi): void {
    const row = this.rowAt(model, ui.pointerY);
    const expert = this.expertAt(model, ui.pointerX);
    if (row < 0 || expert < 0) return;
    const at = row * model.experts + expert;
    const weight = model.weights[at]!;
    const router = this.source?.probabilities.data[at] ?? Number.NaN;
    const lines = [`L${model.layers[row]!} · expert ${expert}`];
    lines.push(weight !== 0 ? `weight ${weight.toFixed(3)}` : "not chosen for this token");
    lines.push(`router ${router.toFixed(3)}`);
    const load = model.loads?.[row];
    if (load)
      lines.push(`chosen ${load.counts[expert]} times · ${percent(load.shares[expert]!)} of the load`);
    callout(this.scene, ui.pointerX, ui.pointerY, lines, within);
  }
}

function empty({ model }: AppState): string[] {
  if (model?.lacks.experts) return [model.lacks.experts, "n/a · no experts"];
  return ["which experts each layer chooses, once there is a token", "no token yet"];
}

export const experts: Instrument = {
  id: "experts",
  title: "EXPERTS",
  short: "EXPERTS",
  parts: ["experts"],
  minimum: { width: 320, height: 260 },
  available: ({ model }) => (model?.n_expert ?? 0) > 0,
  create: (scene) => new Experts(scene),
};
