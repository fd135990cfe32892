import { Hits } from "./hits";
import { Scrolled } from "./scrolled";
import type { Line } from "./token_stream";

/** What the person did to the monitor; the page's pointer and keyboard code writes it. */
export interface MonitorUi {
  /** Candidates to show for the next token: 5, or up to 20. */
  topCount: number;
  /** Lines the token stream is scrolled back; 0 follows the newest. */
  scroll: number;
  /** The same for the address, as `placeOf` has it. */
  readonly scrolled: Scrolled;
  /** Written by the monitor: the place to go to once the text has come beyond it; null for none. */
  sought: number | null;
  /** Written by the monitor: the text and its run when it was last drawn. */
  lines: readonly Line[] | null;
  runId: string;
  /** Written by the monitor: how often someone had gone back to now. */
  returns: number;
  /** Written by the monitor: how far it can be scrolled back. */
  scrollLimit: number;
  /** Written by the monitor: lines of the stream when it was last drawn. */
  seenLines: number;
  reducedMotion: boolean;
  /** Clock time at which the panel came on show: its brackets draw in from then. */
  shownAt: number;
  readonly hits: Hits;
}

export const FEW_CANDIDATES = 5;
export const MOST_CANDIDATES = 20;

export function createMonitorUi(): MonitorUi {
  return {
    topCount: FEW_CANDIDATES,
    scroll: 0,
    scrolled: new Scrolled("monitor.line"),
    sought: null,
    lines: null,
    runId: "",
    returns: 0,
    scrollLimit: 0,
    seenLines: 0,
    reducedMotion: false,
    shownAt: 0,
    hits: new Hits(),
  };
}
