import { Hits } from "./hits";

/** What the person did to the monitor; the page's pointer and keyboard code writes it. */
export interface MonitorUi {
  /** Candidates to show for the next token: 5, or up to 20. */
  topCount: number;
  /** Lines the token stream is scrolled back; 0 follows the newest. */
  scroll: number;
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
    scrollLimit: 0,
    seenLines: 0,
    reducedMotion: false,
    shownAt: 0,
    hits: new Hits(),
  };
}
