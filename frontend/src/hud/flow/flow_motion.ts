import { easeOutCubic, progress } from "../motion";
import type { FlowModel, FlowPlaces } from "./flow_model";

/** Seconds in which the picture goes from one row to the next. */
const CHANGE = 0.18;

/** A ribbon as it is drawn. */
export interface Ribbon {
  /** Of the source: its position, or -1 the others, -2 the sink. */
  key: number;
  from: number;
  to: number;
  thickness: number;
  /** 0 to 1: those that come and go fade. */
  alpha: number;
  dominant: boolean;
}

/** The ribbons of a model, between the last picture and the present one. */
export class FlowMotion {
  readonly ribbons: Ribbon[] = [];
  private before: Ribbon[] = [];
  private after: Ribbon[] = [];
  private changedAt = Number.NEGATIVE_INFINITY;
  /** The present picture is reached: nothing is to be done until the next change. */
  private still = true;

  /** Goes to another picture, from the one on show. */
  change(model: FlowModel, places: FlowPlaces, now: number): void {
    this.before = this.ribbons.map((ribbon) => ({ ...ribbon }));
    this.after = model.sources.map((source, i) => ({
      key: source.kind === "token" ? source.position : source.kind === "others" ? -1 : -2,
      from: places.from[i]!,
      to: places.to[i]!,
      thickness: source.weight * places.unit,
      alpha: 1,
      dominant: source.dominant,
    }));
    this.changedAt = now;
    this.still = false;
  }

  /** Cuts to the picture: another size, or no motion wanted. */
  settle(): void {
    this.changedAt = Number.NEGATIVE_INFINITY;
  }

  /** What was on show counts no more. */
  clear(): void {
    this.ribbons.length = 0;
    this.before = [];
    this.after = [];
    this.still = true;
  }

  /** Sets `ribbons` for `now`. */
  at(now: number): void {
    if (this.still) return;
    const t = easeOutCubic(progress(now, this.changedAt, CHANGE));
    const { ribbons, before, after } = this;
    ribbons.length = 0;
    this.still = t >= 1;
    for (const gone of before) {
      if (t >= 1 || after.some(({ key }) => key === gone.key)) continue;
      ribbons.push({ ...gone, alpha: gone.alpha * (1 - t) });
    }
    for (const to of after) {
      const from = t < 1 ? before.find(({ key }) => key === to.key) : to;
      if (!from) {
        ribbons.push({ ...to, alpha: t });
        continue;
      }
      const mix = (a: number, b: number): number => a + (b - a) * t;
      ribbons.push({
        key: to.key,
        from: mix(from.from, to.from),
        to: mix(from.to, to.to),
        thickness: mix(from.thickness, to.thickness),
        alpha: mix(from.alpha, 1),
        dominant: to.dominant,
      });
    }
  }
}
