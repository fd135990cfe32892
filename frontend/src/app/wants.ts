import { instrumentOf } from "../hud/instruments";
import type { Panel } from "../hud/layout";
import { Seen } from "../hud/seen";
import type { AppState } from "../state/state";
import { MAX_SELECTIONS, type Part, type Want } from "../telemetry/protocol.gen";

/** What the page looks at now: the nebula its light, each instrument on show what it says it needs. */
export function wantOf(state: AppState, panels: readonly Panel[], hidden: boolean): Want {
  const parts = new Set<Part>();
  const heads = new Map<string, [number, number]>();
  // A hidden page needs the events alone; the server gives it the newest state when it is seen again.
  if (!hidden) {
    if (state.view !== "hud") parts.add("distribution");
    for (const { id } of panels) {
      const instrument = instrumentOf(id);
      for (const part of instrument?.parts ?? []) parts.add(part);
      for (const [layer, head] of instrument?.attention?.(state) ?? [])
        heads.set(`${layer}/${head}`, [layer, head]);
    }
  }
  const attention = [...heads.values()].slice(0, MAX_SELECTIONS);
  return { kind: "want", parts: [...parts].sort(), attention };
}

/** Says when the page has come to look at something else. */
export class Wants {
  private said = "";
  private readonly seen = new Seen();

  /** What to tell the server; null when it knows. */
  update(state: AppState, panels: readonly Panel[], hidden: boolean): Want | null {
    if (!this.changed(state, panels, hidden)) return null;
    const want = wantOf(state, panels, hidden);
    const key = `${want.parts.join()}|${want.attention.join(";")}`;
    if (key === this.said) return null;
    this.said = key;
    return want;
  }

  /** Something has changed that decides what is wanted: seldom, and every frame asks. */
  private changed(state: AppState, panels: readonly Panel[], hidden: boolean): boolean {
    const { seen } = this;
    seen.begin();
    seen.value(panels);
    seen.value(hidden);
    seen.value(state.view);
    seen.value(state.model);
    seen.value(state.selection.layer);
    seen.value(state.selection.head);
    for (let i = 0; i < panels.length; i++) {
      const options = instrumentOf(panels[i]!.id)?.options;
      for (let k = 0; options && k < options.length; k++) seen.value(state.options.get(options[k]!.name));
    }
    return seen.changed;
  }
}
