import type { Requests } from "../state/requests";
import type { Command } from "../telemetry/protocol.gen";
import { createMonitorUi, type MonitorUi } from "./monitor_ui";
import type { QrCode } from "./qr";
import type { Transport } from "./timeline/transport";
import type { Pointed } from "./tooltip";

/** What instruments can ask of the page. */
export interface HudHost {
  /** To the server; a recording takes no commands. */
  send(command: Command): void;
  /** A question, also of a recording, which answers what it holds; see `Requests.ask`. */
  readonly ask: Requests["ask"];
  toggleTopCount(): void;
  /** One instrument fills the screen; null brings the cockpit back. */
  focus(id: string | null): void;
}

/** What the person did to the HUD, and what the HUD can ask for. The page's pointer and keyboard code writes it. */
export interface HudUi extends MonitorUi {
  /** The token under the pointer. */
  pointed: Pointed | null;
  /** The pointer in logical pixels; NaN when it is elsewhere, or drags. */
  pointerX: number;
  pointerY: number;
  /** Seconds that the page's own clock is ahead of the clock of what is shown: 0 but in a replay. */
  lag: number;
  /** A kept run is on show: a time of it looks the same however one came there. */
  replay: boolean;
  /** Where the page is in the run; null before it can be anywhere. */
  transport: Transport | null;
  /** A code over everything, for a room. */
  qr: QrCode | null;
  /** The instrument being drawn fills the screen. */
  focused: boolean;
  readonly host: HudHost;
}

export function createHudUi(host: HudHost): HudUi {
  return {
    ...createMonitorUi(),
    pointed: null,
    pointerX: Number.NaN,
    pointerY: Number.NaN,
    lag: 0,
    replay: false,
    transport: null,
    qr: null,
    focused: false,
    host,
  };
}
