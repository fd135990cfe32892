import { Seen } from "../hud/seen";
import type { AppState } from "../state/state";

/**
 * Whether messages have brought what the page's elements show: how the connection is, what may be done, which model
 * there is and how its run goes. Thirty times a second they bring only what is drawn, and to look at every button then
 * costs more than to draw a panel.
 */
export class News {
  private readonly seen = new Seen();

  of(state: AppState): boolean {
    const { seen } = this;
    seen.begin();
    seen.value(state.connection);
    seen.value(state.right);
    seen.value(state.control);
    seen.value(state.alone);
    seen.value(state.model);
    seen.value(state.problem);
    seen.value(state.room);
    seen.value(state.rejected);
    seen.value(state.run?.started);
    seen.value(state.run?.state);
    seen.value(state.progress.get("load"));
    return seen.changed;
  }
}
