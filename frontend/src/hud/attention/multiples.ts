import type { Requests } from "../../state/requests";
import type { AppState } from "../../state/state";
import type { HeadSummary } from "../../telemetry/protocol.gen";
import { fade } from "../color";
import type { Hits } from "../hits";
import { brackets, outline } from "../kit/frame";
import { caption } from "../kit/heading";
import type { Rect } from "../layout";
import type { Scene } from "../scene";
import { color, heatGamma, text } from "../theme";
import type { AttentionModel } from "./attention_model";
import { MatrixPicture } from "./matrix_picture";
import { MatrixRequests } from "./matrix_request";
import { wholeWindow } from "./matrix_window";

/** Heads of a layer shown at once; of more, those round the selected one. */
const MOST = 16;
const EDGE = 128;
const CAPTION = 20;
const FOOT = 16;
const GAP = 8;
/** Seconds between two looks at the heads that are not selected. */
const PERIOD = 0.5;

/** All heads of the selected layer, each its whole matrix in little. */
export class Multiples {
  private readonly pictures: readonly MatrixPicture[];
  private readonly requests: readonly MatrixRequests[];
  private askedAt = Number.NEGATIVE_INFINITY;
  private shown = "";

  constructor(private readonly scene: Scene) {
    this.pictures = Array.from({ length: MOST }, () => new MatrixPicture(scene.heat, EDGE));
    this.requests = Array.from({ length: MOST }, (_, i) => new MatrixRequests(`attention small ${i}`));
  }

  forget(): void {
    for (const request of this.requests) request.forget();
  }

  draw(
    state: AppState,
    summary: HeadSummary | null,
    model: AttentionModel,
    rect: Rect,
    now: number,
    hits: Hits,
    ask: Requests["ask"],
  ): void {
    const { scene } = this;
    const { layer, heads, length } = model;
    if (heads === 0 || length === 0) return;
    const count = Math.min(heads, MOST);
    const first = firstHead(model.head, heads);
    this.fetch(state, model, first, count, now, ask);
    const side = sideOf(rect, count);
    let joined = 1;
    for (let i = 0; i < count; i++) {
      const head = first + i;
      const place = placeOf(rect, side, i);
      this.drawOne(state, model, head, this.pictures[i]!, place, hits);
      joined = Math.max(joined, this.pictures[i]!.joined);
      const chosen = model.mode !== "head" || head === model.head;
      const y = place.y + side + 12;
      scene.text(place.x, y, `H${head}`, text.caption, chosen ? color.attention : color.data);
      const entropy = summary?.entropy.data[layer * heads + head];
      if (entropy === undefined || side < 60) continue;
      const value = Number.isNaN(entropy) ? "n/a" : entropy.toFixed(2);
      scene.text(place.x + side, y, value, text.caption, color.muted, "right");
    }
    const which = count < heads ? `HEADS ${first}–${first + count - 1} OF ${heads}` : "ALL HEADS";
    const how = joined > 1 ? `max of ${joined} × ${joined}` : "exact";
    caption(
      scene,
      rect.x,
      rect.y + 10,
      rect.width,
      `LAYER ${layer} · ${which}`,
      `${how} · γ 0.4 · entropy in nats`,
    );
  }

  private drawOne(
    state: AppState,
    { layer, head: selected, mode, length }: AttentionModel,
    head: number,
    picture: MatrixPicture,
    place: Rect,
    hits: Hits,
  ): void {
    const { scene } = this;
    scene.rect(place.x, place.y, place.width, place.height, color.well);
    const matrix = state.attentionHistory.get(layer, head);
    if (matrix) {
      picture.paint(matrix, wholeWindow(length), "absolute", Math.min(place.width, EDGE), length);
      const { heatRegion, places } = picture;
      if (places > 0) {
        scene.heatmap(place.x, place.y, place.width, place.height, heatRegion, places, places, heatGamma);
      }
    }
    const chosen = mode !== "head" || head === selected;
    outline(scene, place, chosen ? fade(color.attention, 0.7) : color.frame);
    if (chosen) brackets(scene, place, 1, false, color.attention);
    hits.add("head", layer * 65536 + head, place.x, place.y, place.width, place.height + FOOT);
  }

  /** The rows of all heads are asked for a few times a second; of another layer at once, until they are there. */
  private fetch(
    state: AppState,
    { layer, length }: AttentionModel,
    first: number,
    count: number,
    now: number,
    ask: Requests["ask"],
  ): void {
    const shown = `${state.run?.started.run_id}/${layer}/${first}`;
    const due = shown !== this.shown || now - this.askedAt >= PERIOD || now < this.askedAt;
    if (!due) return;
    let asked = false;
    for (let i = 0; i < count; i++) {
      const requests = this.requests[i]!;
      asked = requests.ask(state, layer, first + i, "head", length, ask) || requests.waiting || asked;
    }
    if (asked) return;
    this.shown = shown;
    this.askedAt = now;
  }
}

/** The first of the heads shown: the selected one stands in their middle. */
export function firstHead(head: number, heads: number): number {
  return Math.max(0, Math.min(head - MOST / 2, heads - MOST));
}

/** Side of a small matrix: all in one line, or in two where that makes them larger. */
function sideOf(rect: Rect, count: number): number {
  const tall = rect.height - CAPTION;
  const sideIn = (lines: number): number => {
    const each = Math.ceil(count / lines);
    return Math.min((rect.width - (each - 1) * GAP) / each, tall / lines - FOOT);
  };
  return Math.max(16, Math.floor(Math.max(sideIn(1), sideIn(2))));
}

function placeOf(rect: Rect, side: number, index: number): Rect {
  const each = Math.max(1, Math.floor((rect.width + GAP) / (side + GAP)));
  const x = rect.x + (index % each) * (side + GAP);
  const y = rect.y + CAPTION + Math.floor(index / each) * (side + FOOT);
  return { x, y, width: side, height: side };
}
