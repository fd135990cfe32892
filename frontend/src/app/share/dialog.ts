import "../dialog.css";
import "./share.css";
import type { QrCode } from "../../hud/qr";
import { SocketSource } from "../../telemetry/socket";
import type { FrameSource } from "../../telemetry/source";
import { h, setText } from "../dom";
import { basesFor, linkOf, type NewLink, onlyHere, type ShareLink, SharesClient } from "./client";

/** Milliseconds between two looks at who has come. */
const EVERY = 3000;

const HOURS: readonly (readonly [hours: number, words: string])[] = [
  [1, "an hour"],
  [4, "4 hours"],
  [24, "a day"],
  [168, "a week"],
  [720, "30 days"],
];

/** What the dialog needs of the page. */
export interface SharingPage {
  readonly root: HTMLElement;
  readonly source: FrameSource;
  /** Say for a while that something can't be done. */
  refuse(message: string): void;
  /** Show a code over the picture, for a room; null takes it away. */
  showQr(code: QrCode | null): void;
}

/** Opens the dialog over the page. `session` is the kept one on show; null is live, or a file of the person's. */
export function openShare(page: SharingPage, session: string | null): void {
  if (session === null && !(page.source instanceof SocketSource)) {
    page.refuse("A file is on show, which the server does not have: pass it on as it is.");
    return;
  }
  if (page.root.querySelector("dialog.share[open]")) return;
  const dialog = new ShareDialog(new SharesClient(document.baseURI), page, session ?? "live");
  page.root.append(dialog.element);
  dialog.element.showModal();
}

class ShareDialog {
  readonly element: HTMLDialogElement;
  private readonly right = select("What they may do", [
    ["viewer", "watch and ask"],
    ["controller", "watch and control"],
  ]);
  private readonly hours = select(
    "For how long",
    HOURS.map(([hours, words]) => [String(hours), words] as const),
  );
  private readonly base = select("Address", []);
  private readonly link = h("input", { type: "text", readonly: true, "aria-label": "Link", class: "link" });
  private readonly copy = h(
    "button",
    { type: "button", class: "quiet", click: () => this.copyLink() },
    "COPY",
  );
  private readonly code = h(
    "button",
    { type: "button", class: "quiet", click: () => this.showCode() },
    "QR CODE",
  );
  private readonly made = h("div", { class: "made", hidden: true }, this.link, this.copy, this.code);
  private readonly list = h("ul", { "aria-label": "Links" });
  private readonly note = h("p", { class: "note", role: "status" });
  private readonly ending = new AbortController();
  private newest: NewLink | null = null;

  constructor(
    private readonly client: SharesClient,
    private readonly page: SharingPage,
    private readonly session: string,
  ) {
    this.hours.value = "24";
    this.base.addEventListener("change", () => this.showLink());
    const close = h("button", { type: "button", class: "quiet", click: () => this.element.close() }, "CLOSE");
    const submit = (event: Event) => {
      event.preventDefault();
      void this.make();
    };
    const form = h(
      "form",
      { submit },
      field("THEY MAY", this.right),
      field("FOR", this.hours),
      field("AT", this.base),
      h("button", { type: "submit" }, "MAKE A LINK"),
    );
    const outside = (event: MouseEvent) => {
      if (event.target === this.element) this.element.close();
    };
    const title = session === "live" ? "SHARE WHAT RUNS" : "SHARE THIS SESSION";
    this.element = h(
      "dialog",
      { class: "sheet share", "aria-labelledby": "share-title", click: outside },
      h("h2", { id: "share-title" }, title),
      form,
      this.made,
      this.list,
      this.note,
      h("div", { class: "ways" }, close),
    );
    // A kept session can only be looked at.
    this.right.disabled = session !== "live";
    this.element.addEventListener("close", () => {
      this.ending.abort();
      this.element.remove();
    });
    const timer = setInterval(() => void this.refresh(), EVERY);
    this.ending.signal.addEventListener("abort", () => clearInterval(timer));
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    try {
      const { bases, shares } = await this.client.list(this.ending.signal);
      this.offer(basesFor(document.baseURI, bases));
      this.list.replaceChildren(...shares.map((share) => this.row(share)));
    } catch (error) {
      if (!this.ending.signal.aborted) this.say(sentence(error));
    }
  }

  private offer(bases: readonly string[]): void {
    if (this.base.options.length === bases.length) return;
    this.base.replaceChildren(...bases.map((base) => h("option", { value: base }, base)));
    const [first] = bases;
    if (first && onlyHere(first)) {
      this.say(
        "This server is open to this machine only: a link works elsewhere through a tunnel or a proxy, or after a start with --share.",
      );
    }
  }

  private row({ id, right, session, expires, viewers }: ShareLink): HTMLElement {
    const left = Math.max(0, expires - Date.now() / 1000);
    const facts = [
      session === "live" ? "live" : "a kept session",
      right === "viewer" ? "watch" : "control",
      `${duration(left)} left`,
      viewers === 1 ? "1 viewer" : `${viewers} viewers`,
    ];
    const words = facts.join(" · ");
    const end = h(
      "button",
      { type: "button", class: "quiet", "aria-label": `Revoke: ${words}`, click: () => void this.end(id) },
      "REVOKE",
    );
    return h("li", { "data-share": id }, h("span", { class: "facts" }, words), end);
  }

  private async make(): Promise<void> {
    try {
      const right = this.right.value === "controller" ? "controller" : "viewer";
      this.newest = await this.client.make(this.session, right, Number(this.hours.value));
      this.made.hidden = false;
      this.showLink();
      this.link.focus();
      this.link.select();
      this.say("Copy it now: the server keeps only a hash of it.");
      await this.refresh();
    } catch (error) {
      this.say(sentence(error));
    }
  }

  private showLink(): void {
    if (this.newest) this.link.value = linkOf(this.base.value, this.newest.path, location.search);
  }

  private async copyLink(): Promise<void> {
    try {
      await navigator.clipboard.writeText(this.link.value);
      this.say("Copied.");
    } catch {
      this.link.select();
      this.say("The browser forbids copying: press Ctrl+C.");
    }
  }

  private async showCode(): Promise<void> {
    if (!this.newest) return;
    try {
      // Without the view: the fewer letters, the further away it can be read.
      const text = new URL(this.newest.path, this.base.value).href;
      const caption = this.newest.right === "viewer" ? "SCAN TO WATCH" : "SCAN TO CONTROL";
      const code = { rows: await this.client.qr(text), caption, address: new URL(text).host };
      this.element.close();
      coverWith(this.page, code);
    } catch (error) {
      this.say(sentence(error));
    }
  }

  private async end(id: string): Promise<void> {
    try {
      await this.client.end(id);
      if (this.newest?.id === id) {
        this.newest = null;
        this.made.hidden = true;
        uncover?.();
      }
      this.say("Revoked: whoever came by it is out.");
      await this.refresh();
    } catch (error) {
      this.say(sentence(error));
    }
  }

  private say(text: string): void {
    setText(this.note, text);
  }
}

/** Takes the code away that is on the screen. */
let uncover: (() => void) | null = null;

/** The screen is the code's, without the controls, until someone presses anywhere or Escape. */
function coverWith(page: SharingPage, code: QrCode): void {
  uncover?.();
  const ending = new AbortController();
  uncover = () => {
    ending.abort();
    page.root.classList.remove("coded");
    page.showQr(null);
    uncover = null;
  };
  const leave = (event: Event) => {
    if (event instanceof KeyboardEvent && event.key !== "Escape") return;
    event.stopPropagation();
    uncover?.();
  };
  const options = { capture: true, signal: ending.signal };
  window.addEventListener("pointerdown", leave, options);
  window.addEventListener("keydown", leave, options);
  page.root.classList.add("coded");
  page.showQr(code);
}

function select(
  name: string,
  options: readonly (readonly [value: string, words: string])[],
): HTMLSelectElement {
  return h(
    "select",
    { "aria-label": name },
    ...options.map(([value, words]) => h("option", { value }, words)),
  );
}

function field(name: string, control: HTMLElement): HTMLElement {
  return h("label", { class: "field" }, h("span", { class: "caption", "aria-hidden": true }, name), control);
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
