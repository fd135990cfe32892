import type { Studio } from "./export/studio";
import type { SharingPage } from "./share/dialog";

/** What the dialogs need of the page. */
export interface DialogsPage extends Studio, SharingPage {}

/** The dialogs over the page. Each comes with its code when it is first asked for. */
export class Dialogs {
  constructor(private readonly page: DialogsPage) {}

  openExport(kind: "picture" | "film"): void {
    import("./export/dialog").then(
      ({ openExport }) => openExport(this.page, kind),
      () => this.page.refuse("The export could not be loaded; try again."),
    );
  }

  /** The list of kept runs. */
  openSessions(): void {
    import("./sessions/dialog").then(
      ({ openSessions }) => openSessions(this.page.root, shownSession()),
      () => this.page.refuse("The list could not be loaded; try again."),
    );
  }

  /** The share links. */
  openShare(): void {
    import("./share/dialog").then(
      ({ openShare }) => openShare(this.page, shownSession()),
      () => this.page.refuse("The dialog could not be loaded; try again."),
    );
  }

  /** The keys; asked for again, they go. */
  toggleHelp(): void {
    import("./controls/help").then(
      ({ toggleHelp }) => toggleHelp(this.page.root, this.page.state),
      () => this.page.refuse("The help could not be loaded; try again."),
    );
  }
}

/** The kept session on show; null for a live page. */
function shownSession(): string | null {
  return new URLSearchParams(location.search).get("session");
}
