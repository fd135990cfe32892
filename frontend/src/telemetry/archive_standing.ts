import type { Connection } from "../state/state";
import type { Message } from "./protocol.gen";
import { SessionWatch } from "./session_watch";

/** Why nothing more is fetched: what heads the message, and a sentence. */
interface Trouble {
  readonly title: string;
  readonly message: string;
  /** Ends with the page alone. */
  readonly final: boolean;
}

/** How a kept run fares where it comes from, and the page's word of it. */
export class ArchiveStanding {
  private trouble: Trouble | null = null;
  private watch: SessionWatch | null = null;
  private status: (connection: Connection) => void = () => {};

  /** `address` is where a connection is held, if there is a server; `cut` is called when that lets the page in no more. */
  begin(
    status: (connection: Connection) => void,
    address: string | undefined,
    told: (message: Message) => void,
    cut: () => void,
  ): void {
    this.status = status;
    this.say();
    if (address === undefined) return;
    this.watch = new SessionWatch(address, {
      told,
      cut: (title, message) => {
        this.trouble = { title, message, final: true };
        cut();
        this.say();
      },
      back: () => this.retry(),
    });
  }

  /** Parts can be asked for. */
  get well(): boolean {
    return this.trouble === null;
  }

  /** Nothing more can be had; what is here stays. */
  get over(): boolean {
    return this.trouble?.final === true;
  }

  /** A part could not be had. */
  failed(error: unknown): void {
    if (this.over) return;
    const message = error instanceof Error ? error.message : String(error);
    this.trouble = { title: "Part of the session can't be had", message, final: false };
    this.say();
  }

  retry(): void {
    if (this.over) return;
    this.trouble = null;
    this.say();
  }

  close(): void {
    this.watch?.close();
  }

  private say(): void {
    const { trouble } = this;
    const refused = trouble ? { refused: trouble.title } : {};
    const phase = this.over ? "closed" : "replay";
    this.status({ phase, retryAt: 0, message: trouble?.message ?? "", ...refused });
  }
}
