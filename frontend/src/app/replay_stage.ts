import { apply, headSelected, sought } from "../state/reduce";
import type { AppState } from "../state/state";
import type { ArchiveSource, Stage } from "../telemetry/archive_source";
import type { PastRun } from "../telemetry/past_run";
import type { Frame } from "../telemetry/protocol.gen";
import type { FrameSource } from "../telemetry/source";
import type { Picture } from "./picture";

/** The source as a replay; null for a stream. Does not load a replay's code. */
export function replayOf(source: FrameSource): ArchiveSource | null {
  return "playback" in source ? (source as ArchiveSource) : null;
}

/** Where a replay plays: the page's state, and what the picture remembers besides. */
export class ReplayStage implements Stage {
  constructor(
    private readonly state: AppState,
    private readonly picture: () => Picture | null,
  ) {}

  sought(past: PastRun, backwards: boolean): void {
    const { model, started, positions, embedding_hash, attention_layers: layers, completing } = past.manifest;
    if (!this.state.run) {
      const method = positions.includes("umap") ? "umap" : "pca";
      const ready = { kind: "positions_ready", embedding_hash, method } as const;
      const placed = positions.length > 0 ? [ready] : [];
      this.frame(frameOf([model, started, ...placed]), 0);
      // Of the layers that have attention, one is on show; those that are being made come by themselves.
      const { layer, head } = this.state.selection;
      if (!completing && layers.length > 0 && !layers.includes(layer))
        headSelected(this.state, layers[0]!, head);
    }
    this.picture()?.forget(Number.POSITIVE_INFINITY);
    sought(this.state, past, backwards);
  }

  frame(frame: Frame, time: number): void {
    apply(this.state, frame, time);
    this.picture()?.observe(time, this.state);
  }

  forget(before: number): void {
    this.state.memoryReadings.forget(before);
    this.picture()?.forget(before);
  }
}

function frameOf(events: Frame["events"]): Frame {
  return { kind: "frame", number: 0, time: 0, first_seq: 0, events, state: [] };
}
