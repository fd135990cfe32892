import type { AppState } from "../state/state";
import { fade, palette } from "./color";
import { count } from "./format";
import { rule } from "./kit/frame";
import type { Rect } from "./layout";
import type { Scene } from "./scene";
import { Seen } from "./seen";
import { color, glow, text } from "./theme";

interface Fact {
  readonly name: string;
  readonly value: string;
  readonly alarm?: boolean;
}

const BETWEEN = 24;
const MARK_WIDTH = 204;
/** The nebula may be bright behind the bar. */
const LOW = fade(color.panel, 0.5);
/** Of a fact that says all is well, and of one to look at. */
const VALUES = palette(color.data, color.attention);
/** The mark's track fades along the way it came. */
const TRACK_START = fade(color.data, 0.5);
const TRACK_END = fade(color.data, 0.55);

/** Where it begins on its turn, and how far it goes: open towards the particle. */
const CURL_START = 0.2 * 2 * Math.PI;
const CURL = 0.86 * 2 * Math.PI;

/** Ends of the mark's track. */
const xs = new Float32Array(2);
const ys = new Float32Array(2);

/** The bar at the top. Its facts are put into words only when one of them has changed. */
export class Header {
  private readonly seen = new Seen();
  private model: Fact[] = [];
  private run: Fact[] = [];

  /** The model at the left, the run and the connection at the right; what has no room is left out, last first. */
  draw(scene: Scene, state: AppState, rect: Rect): void {
    this.follow(state);
    const baseline = rect.y + 34;
    scene.gradient(0, rect.y, rect.width + 2 * rect.x, rect.height, color.panel, LOW, true);
    rule(scene, rect.x, rect.y + rect.height - 1, rect.width, MARK_WIDTH);
    const afterMark = drawMark(scene, rect.x, baseline) + 28;
    let right = rect.x + rect.width;
    for (let i = this.run.length - 1; i >= 0; i--) {
      const fact = this.run[i]!;
      const width = factWidth(scene, fact);
      if (right - width < afterMark) break;
      right -= width;
      drawFact(scene, fact, right, baseline);
      right -= BETWEEN;
    }
    let left = afterMark;
    for (let i = 0; i < this.model.length; i++) {
      const fact = this.model[i]!;
      const width = factWidth(scene, fact);
      if (left + width > right) break;
      drawFact(scene, fact, left, baseline);
      left += width + BETWEEN;
    }
  }

  private follow(state: AppState): void {
    const { seen } = this;
    const { selection } = state;
    seen.begin();
    seen.value(state.model);
    seen.value(state.run);
    seen.value(state.tokens.length > 0);
    seen.value(state.skipped);
    seen.value(state.dropped);
    seen.value(state.viewers);
    seen.value(selection.step);
    seen.value(selection.layer);
    seen.value(selection.head);
    if (!seen.changed) return;
    this.model = modelFacts(state);
    this.run = runFacts(state);
  }
}

/** A track that curls through a chamber, and the name. Returns where it ends. */
function drawMark(scene: Scene, x: number, baseline: number): number {
  const cx = x + 8;
  const cy = baseline - 5;
  xs[0] = cx - 4;
  ys[0] = cy + 4.5;
  xs[1] = cx + 8;
  ys[1] = cy - 7.5;
  scene.arc(cx, cy, 7.5, 1.25, CURL_START, CURL, color.data, 3, 0, 0, TRACK_END);
  scene.span(xs, ys, 0, 0, 1, 1, TRACK_START, color.now, 2);
  scene.circle(cx + 8, cy - 7.5, 1.75, color.now, glow.bracket);
  const left = x + 26;
  return left + scene.text(left, baseline, "CLOUD CHAMBER", text.mark, color.now);
}

function factWidth(scene: Scene, fact: Fact): number {
  return scene.measure(fact.name, text.label) + 6 + scene.measure(fact.value, text.data);
}

function drawFact(scene: Scene, fact: Fact, x: number, baseline: number): void {
  const used = scene.text(x, baseline, fact.name, text.label, color.muted);
  scene.text(x + used + 6, baseline, fact.value, text.data, VALUES[fact.alarm ? 1 : 0]!);
}

function modelFacts({ model }: AppState): Fact[] {
  if (!model) return [];
  const heads = model.n_head === 0 ? "none" : `${model.n_head} Q · ${model.n_head_kv} KV`;
  const facts: Fact[] = [
    { name: "MODEL", value: model.name },
    { name: "QUANT", value: model.quantization },
    { name: "LAYERS", value: String(model.n_layer) },
    { name: "HEADS", value: heads },
    { name: "VOCAB", value: count(model.n_vocab) },
    { name: "CONTEXT", value: count(model.n_ctx) },
  ];
  if (model.n_expert > 0)
    facts.push({ name: "EXPERTS", value: `${model.n_expert_used} of ${model.n_expert}` });
  return facts;
}

/** Least important first: they are the first to go when there is no room. */
function runFacts(state: AppState): Fact[] {
  const facts: Fact[] = [];
  const { run } = state;
  if (state.skipped > 0) facts.push({ name: "SKIPPED", value: count(state.skipped), alarm: true });
  if (state.dropped > 0) facts.push({ name: "DROPPED", value: count(state.dropped), alarm: true });
  if (state.viewers > 1) facts.push({ name: "VIEWERS", value: count(state.viewers) });
  if (run) {
    const { temperature, seed } = run.started.sampling;
    facts.push({ name: "TEMP", value: temperature.toFixed(2) }, { name: "SEED", value: String(seed) });
  }
  const selected = selectedFact(state);
  if (selected) facts.push(selected);
  return facts;
}

function selectedFact({ selection, tokens, model }: AppState): Fact | null {
  const newest = tokens.at(-1);
  if (!newest || !model) return null;
  const token = selection.step === null ? "newest" : `token ${selection.step + 1}`;
  const head = model.n_head > 0 ? ` · L${selection.layer} · H${selection.head}` : "";
  return { name: "SELECTED", value: `${token}${head}`, alarm: selection.step !== null };
}
