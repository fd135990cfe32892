import type { Hit } from "../hud/hits";
import type { Pointed } from "../hud/tooltip";
import type { Picked } from "../nebula/pick";
import { shown } from "../state/moment";
import { tokenAt } from "../state/select";
import type { AppState } from "../state/state";
import type { TokenGenerated } from "../telemetry/protocol.gen";

/** The token that is pointed at, in an instrument or in the nebula. */
export function pointedAt(
  state: AppState,
  hit: Readonly<Hit> | null,
  picked: Picked | null,
  x: number,
  y: number,
): Pointed | null {
  if (hit?.kind === "token" || hit?.kind === "entropy") {
    const row = tokenAt(state, hit.value);
    if (!row) return null;
    const { token_id: id, probability, rank } = row.event;
    return { id, label: labelOf(state, id), p: probability, rank, x, y };
  }
  if (hit?.kind === "candidate") return ofShown(state, hit.value, null, x, y);
  if (picked) return ofShown(state, picked.id, picked.probability, picked.x, picked.y);
  return null;
}

/** A token by its standing in the distribution on show. */
function ofShown(state: AppState, id: number, p: number | null, x: number, y: number): Pointed {
  const event = shown(state).row?.event;
  const index = event ? event.top_ids.data.indexOf(id) : -1;
  const exact = index >= 0 ? event!.top_p.data[index]! : id === event?.token_id ? event.probability : p;
  return { id, label: labelOf(state, id), p: exact, rank: rankOf(event, index, id), x, y };
}

function rankOf(event: TokenGenerated | undefined, index: number, id: number): number | null {
  if (index >= 0) return index + 1;
  return event && id === event.token_id ? event.rank : null;
}

function labelOf(state: AppState, id: number): string {
  return state.vocabulary?.label(id) ?? `token ${id}`;
}
