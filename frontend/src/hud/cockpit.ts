import type { Preset } from "../state/state";
import { ARRANGEMENTS, type Arrangement, PRESETS, parseArrangement } from "./arrangement";

const KEY = "cloud-chamber.cockpit";

/** Where the instruments of each preset stand in this browser; kept from visit to visit. */
export class Cockpit {
  private readonly changed = new Map<Preset, Arrangement>();
  /** As a link has them: on show instead of this browser's own, which stay as they are. */
  private readonly linked = new Map<Preset, Arrangement>();

  constructor(private readonly storage: Storage | null = null) {
    for (const [preset, arrangement] of stored(storage)) this.changed.set(preset, arrangement);
  }

  of(preset: Preset): Arrangement {
    return this.linked.get(preset) ?? this.changed.get(preset) ?? ARRANGEMENTS[preset];
  }

  /** Shows what a link names, until it is changed here. Null: it names none. */
  link(preset: Preset, arrangement: Arrangement | null): void {
    this.linked.clear();
    if (arrangement) this.linked.set(preset, arrangement);
  }

  /** For now only: a drag that is still going on. `save` keeps it. */
  set(preset: Preset, arrangement: Arrangement): void {
    this.linked.delete(preset);
    if (arrangement === ARRANGEMENTS[preset]) this.changed.delete(preset);
    else this.changed.set(preset, arrangement);
  }

  /** As delivered. */
  reset(preset: Preset): void {
    this.linked.delete(preset);
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
