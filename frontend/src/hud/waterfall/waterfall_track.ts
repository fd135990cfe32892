import type { AppState } from "../../state/state";
import { floatToHalf } from "../../telemetry/half";
import { fade } from "../color";
import type { HeatRegion } from "../heat_store";
import type { Hits } from "../hits";
import type { Scene } from "../scene";
import { color, threshold } from "../theme";
import { BINS, EntropyOverview } from "./entropy_overview";
import type { Place } from "./waterfall_place";

const SLIDER = 0;

/** The whole run as a strip of its entropy, and the part of it on show. */
export class WaterfallTrack {
  private readonly overview = new EntropyOverview();
  private readonly region: HeatRegion;
  private readonly bins = new Uint16Array(BINS);

  constructor(private readonly scene: Scene) {
    this.region = scene.heat.region(BINS, 1);
  }

  draw(state: AppState, { track, visible }: Place, end: number, hits: Hits): void {
    const { scene, overview } = this;
    const { x, y, width, height } = track;
    if (overview.follow(state)) this.writeBins();
    scene.rect(x, y, width, height, color.well);
    const { count, perBin } = overview;
    if (count === 0) return;
    // Bins stand where their tokens do: the last one may be half full, and reaches beyond the strip.
    const used = Math.ceil(count / perBin);
    const whole = (width * used * perBin) / count;
    scene.pushClip(x, y, width, height);
    scene.heatmap(x, y + 2, whole, height - 4, this.region, used, 1, 1);
    const from = x + (Math.max(0, end - visible) / count) * width;
    const to = x + (Math.min(end, count) / count) * width;
    scene.rect(x, y, Math.max(0, from - x), height, fade(color.ground, 0.55));
    scene.rect(to, y, Math.max(0, x + width - to), height, fade(color.ground, 0.55));
    scene.box(from, y, Math.max(to - from, 3), height, color.raised, color.data, 1);
    const { step } = state.selection;
    if (step !== null) scene.rect(x + ((step + 0.5) / count) * width - 1, y, 2, height, color.attention);
    scene.popClip();
    hits.add("slider", SLIDER, x, y - 3, width, height + 6);
  }

  /** From 0 to the greatest entropy so far, but no less than where uncertainty begins. */
  private writeBins(): void {
    const { overview, bins } = this;
    const used = Math.ceil(overview.count / overview.perBin);
    let greatest: number = threshold.uncertain;
    for (let i = 0; i < used; i++) greatest = Math.max(greatest, overview.values[i]!);
    for (let i = 0; i < used; i++) bins[i] = floatToHalf(overview.values[i]! / greatest);
    this.scene.heat.write(this.region, bins, BINS, 1);
  }
}
