import { movesOf, type Rearrangement, sizesOf } from "../../hud/arranging_keys";
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
  const does = (verb: string, id: string, { way, after }: Rearrangement): Command => ({
    name: `${verb} ${named(id)} ${way}`,
    kind: "cockpit",
    run: (actions) => {
      actions.arrange(after, true);
      announce(`${named(id)}: ${verb === "Move" ? "moved" : "made"} ${way}`);
    },
  });
  return layout.panels.flatMap(({ id }) => [
    ...movesOf(arrangement, layout, id).map((one) => does("Move", id, one)),
    ...sizesOf(arrangement, layout, id).map((one) => does("Make", id, one)),
  ]);
}
