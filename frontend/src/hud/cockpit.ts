import type { Preset } from "../state/state";
import { ARRANGEMENTS, type Arrangement } from "./arrangement";

/** Where the instruments of each preset stand in this browser. */
export class Cockpit {
  private readonly changed = new Map<Preset, Arrangement>();

  of(preset: Preset): Arrangement {
    return this.changed.get(preset) ?? ARRANGEMENTS[preset];
  }

  set(preset: Preset, arrangement: Arrangement): void {
    this.changed.set(preset, arrangement);
  }

  reset(preset: Preset): void {
    this.changed.delete(preset);
  }
}
