import type { Preset } from "../state/state";
import { ARRANGEMENTS, type Arrangement, PRESETS, parseArrangement } from "./arrangement";

const KEY = "cloud-chamber.cockpit";

/** Where the instruments of each preset stand in this browser; kept from visit to visit. */
export class Cockpit {
  private readonly changed = new Map<Preset, Arrangement>();

  constructor(private readonly storage: Storage | null = null) {
    for (const [preset, arrangement] of stored(storage)) this.changed.set(preset, arrangement);
  }

  of(preset: Preset): Arrangement {
    return this.changed.get(preset) ?? ARRANGEMENTS[preset];
  }

  /** For now only: a drag that is still going on. `save` keeps it. */
  set(preset: Preset, arrangement: Arrangement): void {
    if (arrangement === ARRANGEMENTS[preset]) this.changed.delete(preset);
    else this.changed.set(preset, arrangement);
  }

  /** As delivered. */
  reset(preset: Preset): void {
    this.changed.delete(preset);
    this.save();
  }

  /** Storage may be full or forbidden; the page works on without it. */
  save(): void {
    try {
      this.storage?.setItem(KEY, JSON.stringify(Object.fromEntries(this.changed)));
    } catch {
      // Nothing to do: the arrangement lasts as long as the page.
    }
  }
}

function stored(storage: Storage | null): [Preset, Arrangement][] {
  try {
    const all = JSON.parse(storage?.getItem(KEY) ?? "{}") as Record<string, unknown> | null;
    return PRESETS.flatMap((preset) => {
      const arrangement = parseArrangement(all?.[preset]);
      return arrangement ? [[preset, arrangement] as [Preset, Arrangement]] : [];
    });
  } catch {
    return [];
  }
}
