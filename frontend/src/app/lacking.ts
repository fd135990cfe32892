import { type Needs, offers } from "../state/select";
import type { AppState } from "../state/state";

/** Why the page can't do something. */
export interface Lack {
  readonly title: string;
  readonly message: string;
}

/** What the server behind the page does not do for it, `alone` being why where there is none; null if it does. */
export function lacking(state: AppState, needs: Needs, alone: string): Lack | null {
  if (offers(state, needs)) return null;
  if (state.alone)
    return {
      title: "This page stands alone",
      message: `It shows the session it was exported with; ${alone}.`,
    };
  if (state.right === "file")
    return {
      title: "A session's file is on show",
      message: "It is shown as it is, and can be passed on as it is.",
    };
  const message = needs === "owner" ? "That is for whoever runs the server." : "Your link is for watching.";
  return { title: "You came by a link", message };
}
