import { joinsOf, movesOf, type Rearrangement, sizesOf } from "../../hud/arranging_keys";
import type { Actions } from "../actions";
import { announce } from "./announce";
import type { Command } from "./palette_commands";

/** Panels put elsewhere and made larger or smaller, for those who have no pointer. `named` as the palette names them. */
export function arrangeCommands(
  desk: Pick<Actions, "arrangement" | "layout">,
  named: (id: string) => string,
): Command[] {
  const layout = desk.layout();
  if (!layout) return [];
  const arrangement = desk.arrangement();
  const does = (name: string, said: string, { after }: Rearrangement): Command => ({
    name,
    kind: "cockpit",
    run: (actions) => {
      actions.arrange(after, true);
      announce(said);
    },
  });
  return layout.panels.flatMap(({ id }) => {
    const name = named(id);
    return [
      ...movesOf(arrangement, layout, id).map((one) =>
        does(`Move ${name} ${one.way}`, `${name}: moved ${one.way}`, one),
      ),
      ...sizesOf(arrangement, layout, id).map((one) =>
        does(`Make ${name} ${one.way}`, `${name}: made ${one.way}`, one),
      ),
      ...joinsOf(arrangement, layout, id).map((one) =>
        does(`Move ${name} to the tabs of ${named(one.way)}`, `${name}: a tab beside ${named(one.way)}`, one),
      ),
    ];
  });
}
