import "../dialog.css";
import "./share.css";
import type { QrCode } from "../../hud/qr";
import { SocketSource } from "../../telemetry/socket";
import type { FrameSource } from "../../telemetry/source";
import { h, setText } from "../dom";
import { sentence } from "../sentence";
import { basesFor, linkOf, type NewLink, type ShareLink, SharesClient, warningOn } from "./client";

/** Milliseconds from one look at who has come to the next. */
const EVERY = 3000;

/** The link made last: its address is kept here alone, for as long as the page is open and it lets someone in. */
let newest: NewLink | null = null;

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

interface Row {
  readonly element: HTMLElement;
  readonly facts: HTMLElement;
  readonly end: HTMLElement;
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
  private readonly close = h(
    "button",
    { type: "button", class: "quiet", click: () => this.element.close() },
    "CLOSE",
  );
  private readonly rows = new Map<string, Row>();
  private readonly ending = new AbortController();
  /** Times that the links were asked for: only the last answer counts. */
  private asked = 0;
  private timer = 0;
  private failed = false;

  constructor(
    private readonly client: SharesClient,
    private readonly page: SharingPage,
    private readonly session: string,
  ) {
    this.hours.value = "24";
    this.base.addEventListener("change", () => this.showLink());
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
      h("div", { class: "ways" }, this.close),
    );
    // A kept session can only be looked at.
    this.right.disabled = session !== "live";
    this.element.addEventListener("close", () => {
      this.ending.abort();
      this.element.remove();
    });
    this.ending.signal.addEventListener("abort", () => clearTimeout(this.timer));
    void this.refresh();
  }

  private async refresh(): Promise<void> {
    const asked = ++this.asked;
    clearTimeout(this.timer);
    try {
      const { bases, shares } = await this.client.list(this.ending.signal);
      if (asked !== this.asked) return;
      if (this.failed) this.say("");
      this.failed = false;
      this.offer(basesFor(document.baseURI, bases));
      this.show(shares);
    } catch (error) {
      if (this.ending.signal.aborted || asked !== this.asked) return;
      this.failed = true;
      this.say(sentence(error));
    }
    this.timer = window.setTimeout(() => void this.refresh(), EVERY);
  }

  /** The links, newest first. A row stays the same element, so that one can press its button and keep the focus. */
  private show(shares: readonly ShareLink[]): void {
    const there = new Set(shares.map(({ id }) => id));
    for (const [id, { element }] of this.rows) {
      if (there.has(id)) continue;
      const focused = element.contains(document.activeElement);
      element.remove();
      this.rows.delete(id);
      if (focused) this.close.focus();
    }
    shares.forEach((share, i) => {
      const row = this.rows.get(share.id) ?? this.row(share.id);
      const place = this.list.children[i] ?? null;
      if (place !== row.element) this.list.insertBefore(row.element, place);
      const words = factsOf(share);
      setText(row.facts, words);
      row.end.setAttribute("aria-label", `Revoke: ${words}`);
    });
    if (newest && !there.has(newest.id)) {
      newest = null;
      uncover?.();
    }
    this.showLink();
  }

  private offer(bases: readonly string[]): void {
    if (this.base.options.length === bases.length) return;
    this.base.replaceChildren(...bases.map((base) => h("option", { value: base }, base)));
    this.say(warningOn(this.at));
  }

  private row(id: string): Row {
    const facts = h("span", { class: "facts" });
    const end = h("button", { type: "button", class: "quiet", click: () => void this.end(id) }, "REVOKE");
    const row = { element: h("li", { "data-share": id }, facts, end), facts, end };
    this.rows.set(id, row);
    return row;
  }

  private async make(): Promise<void> {
    try {
      const right = this.right.value === "controller" ? "controller" : "viewer";
      newest = await this.client.make(this.session, right, Number(this.hours.value));
      this.showLink();
      this.link.focus();
      this.link.select();
      const copy = "Copy it before you leave this page: the server keeps only a hash of it.";
      this.say(`${copy} ${warningOn(this.at)}`.trim());
      await this.refresh();
    } catch (error) {
      this.say(sentence(error));
    }
  }

  /** The address chosen; until the server has named any, the page's own. */
  private get at(): string {
    return this.base.value || document.baseURI;
  }

  private showLink(): void {
    const link = newest?.session === this.session ? newest : null;
    this.made.hidden = link === null;
    const address = link ? linkOf(this.at, link.path, location.search) : "";
    // Written anew, it would no longer be selected.
    if (this.link.value !== address) this.link.value = address;
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
    if (!newest) return;
    try {
      // Without the view: the fewer letters, the further away it can be read.
      const text = new URL(newest.path, this.at).href;
      const caption = newest.right === "viewer" ? "SCAN TO WATCH" : "SCAN TO CONTROL";
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

function factsOf({ session, right, expires, viewers }: ShareLink): string {
  const left = Math.max(0, expires - Date.now() / 1000);
  return [
    session === "live" ? "live" : "a kept session",
    right === "viewer" ? "watch" : "control",
    `${duration(left)} left`,
    viewers === 1 ? "1 viewer" : `${viewers} viewers`,
  ].join(" · ");
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
