import { apply } from "../state/reduce";
import type { AppState, Connection } from "../state/state";
import type { Message } from "../telemetry/protocol.gen";
import { MessageQueue } from "../telemetry/queue";
import { SocketSource } from "../telemetry/socket";
import type { FrameSource } from "../telemetry/source";
import type { Clock } from "./clock";
import type { Metrics } from "./metrics";
import { News } from "./news";

/** Frames whose way is timed between two drawn ones. */
const MOST_TIMED = 64;

/** From the source of frames through the queue to the state; and how long that took. */
export class Intake {
  private readonly queue = new MessageQueue();
  private readonly news = new News();
  /** When each frame not yet drawn was made, by the server's clock, and when it came, in milliseconds. */
  private readonly made = new Float64Array(MOST_TIMED);
  private readonly came = new Float64Array(MOST_TIMED);
  private timed = 0;
  /** As many of them as are with the GPU, though nothing has drawn them. */
  private handed = 0;
  /** A message is in the queue. */
  arrived: (() => void) | null = null;

  constructor(
    private readonly state: AppState,
    private readonly source: FrameSource,
    private readonly clock: Clock,
    private readonly metrics: Metrics,
    /** What the page's elements show has changed. */
    private readonly changed: () => void,
    /** Each message, once it is applied. */
    private readonly applied: (message: Message) => void = () => {},
  ) {}

  start(status: (connection: Connection) => void): void {
    this.source.start((message) => this.receive(message), status);
  }

  /** Something has arrived that is not applied yet. */
  get waiting(): boolean {
    return this.queue.length > 0;
  }

  /** Apply all that has arrived. */
  drain(): void {
    if (this.queue.length === 0) return;
    const now = this.clock.now();
    for (const message of this.queue.drain()) {
      apply(this.state, message, now);
      this.applied(message);
    }
    this.state.dropped = this.queue.dropped;
    if (this.news.of(this.state)) this.changed();
  }

  /** What was applied is with the GPU now. */
  submitted(): void {
    if (this.handed === this.timed) return;
    const now = performance.now();
    const serverNow = this.serverNow();
    for (let i = this.handed; i < this.timed; i++) {
      this.metrics.inPage.push(now - this.came[i]!);
      if (!Number.isNaN(serverNow)) this.metrics.latency.push((serverNow - this.made[i]!) * 1000);
    }
    this.handed = this.timed;
  }

  /** And so is the frame that shows it. */
  drawn(): void {
    this.submitted();
    if (this.timed === 0) return;
    const serverNow = this.serverNow();
    for (let i = 0; i < this.timed && !Number.isNaN(serverNow); i++) {
      this.metrics.drawn.push((serverNow - this.made[i]!) * 1000);
    }
    this.timed = 0;
    this.handed = 0;
  }

  private serverNow(): number {
    return this.clock.now() + (this.source instanceof SocketSource ? this.source.clockOffset : Number.NaN);
  }

  private receive(message: Message): void {
    this.queue.push(message);
    if (message.kind === "frame") {
      this.metrics.received++;
      const empty = message.events.length === 0 && message.state.length === 0;
      if (!empty && !document.hidden) this.time(message.time);
    }
    if (this.queue.full) this.drain();
    this.arrived?.();
  }

  private time(made: number): void {
    if (this.timed === MOST_TIMED) return;
    this.made[this.timed] = made;
    this.came[this.timed] = performance.now();
    this.timed++;
  }
}
