import "../dialog.css";
import "./sessions.css";
import { count } from "../../hud/format";
import { clock } from "../../hud/timeline/timeline";
import { h, setText } from "../dom";
import {
  addressOf,
  ago,
  type KeptSession,
  type KeptSessions,
  roomSaid,
  SessionsClient,
  size,
} from "./kept_session";

/** Milliseconds in which a second press deletes. */
const SURE = 4000;
const EVERY = 5000;
/** Milliseconds for which what could not be done stays to be read. */
const READ = 8000;

/** Opens the list of kept sessions over the page. `shown` is the one on show; null is live. */
export function openSessions(root: HTMLElement, shown: string | null): void {
  if (root.querySelector("dialog.sessions[open]")) return;
  const dialog = new SessionsDialog(new SessionsClient(document.baseURI), shown);
  root.append(dialog.element);
  dialog.element.showModal();
}

class SessionsDialog {
  readonly element: HTMLDialogElement;
  private readonly list = h("ul", {
    "aria-label": "Sessions",
    keydown: (event: KeyboardEvent) => this.move(event),
  });
  private readonly note = h("p", { class: "note", role: "status" }, "Reading the list …");
  private readonly bar = h("progress", { "aria-label": "Room used", max: 1, value: 0 });
  private readonly live = h(
    "a",
    { href: addressOf(location.search, null), class: "way", hidden: true },
    "LIVE",
  );
  private readonly leave = h(
    "button",
    { type: "button", class: "quiet", click: () => this.element.close() },
    "CLOSE",
  );
  private readonly ending = new AbortController();
  /** When the note may be another. */
  private noteUntil = 0;
  private listed = false;

  constructor(
    private readonly client: SessionsClient,
    private readonly shown: string | null,
  ) {
    const outside = (event: MouseEvent) => {
      if (event.target === this.element) this.element.close();
    };
    this.element = h(
      "dialog",
      { class: "sheet sessions", "aria-labelledby": "sessions-title", click: outside },
      h("h2", { id: "sessions-title" }, "KEPT SESSIONS"),
      this.list,
      this.bar,
      this.note,
      h("div", { class: "ways" }, this.live, this.leave),
    );
    this.element.addEventListener("close", () => {
      this.ending.abort();
      this.element.remove();
    });
    const timer = setInterval(() => void this.look(), EVERY);
    this.ending.signal.addEventListener("abort", () => clearInterval(timer));
    void this.refresh();
  }

  /** The person is in the midst of something: a title, or between the two presses that delete. */
  private get busy(): boolean {
    return this.element.querySelector("input, [data-sure]") !== null;
  }

  /** Unasked, now and then; until the page shows something else. */
  private async look(): Promise<void> {
    if (!this.element.isConnected) this.ending.abort();
    else if (!this.busy) await this.refresh(() => !this.busy);
  }

  private async refresh(wanted = () => true): Promise<void> {
    try {
      const kept = await this.client.list(this.ending.signal);
      if (wanted()) this.show(kept);
    } catch (error) {
      if (!this.ending.signal.aborted) this.say(sentence(error));
    }
  }

  private show(kept: KeptSessions): void {
    const { sessions, used, limit, changeable } = kept;
    this.put(sessions.map((session) => this.row(session, changeable)));
    this.live.hidden = this.shown === null || !changeable;
    this.bar.value = limit > 0 ? Math.min(1, used / limit) : 0;
    if (Date.now() >= this.noteUntil) this.say(roomSaid(kept));
    if (this.listed) return;
    this.listed = true;
    this.list.querySelector<HTMLElement>("a[aria-current]")?.focus();
    if (document.activeElement === this.leave) this.list.querySelector("a")?.focus();
  }

  /** The rows, anew where they are others; who stood in one that has gone stands in that which took its place. */
  private put(rows: readonly HTMLElement[]): void {
    const before = [...this.list.children];
    if (rows.length === before.length && rows.every((row, i) => row.isEqualNode(before[i]!))) return;
    const focused = document.activeElement as HTMLElement | null;
    const stood = before.findIndex((row) => row.contains(focused));
    this.list.replaceChildren(...rows);
    if (stood < 0) return;
    const { session } = (before[stood] as HTMLElement).dataset;
    const row =
      rows.find(({ dataset }) => dataset.session === session) ?? rows[Math.min(stood, rows.length - 1)];
    this.stand(row, focused?.dataset.control);
  }

  /** To one of a row's controls; to its title where that one can't be stood in. */
  private stand(row: Element | null | undefined, control = "open"): void {
    const find = (name: string) => row?.querySelector<HTMLElement>(`[data-control="${name}"]:not(:disabled)`);
    (find(control) ?? find("open") ?? this.leave).focus();
  }

  /** Up and down along the rows. */
  private move(event: KeyboardEvent): void {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || target.matches("input") || !/^Arrow(Up|Down)$/.test(key)) return;
    event.preventDefault();
    const row = target.closest("li");
    const next = key === "ArrowUp" ? row?.previousElementSibling : row?.nextElementSibling;
    if (next) this.stand(next, target.dataset.control);
  }

  private row(session: KeptSession, changeable: boolean): HTMLElement {
    const { id, title, model, created, seconds, steps, running, pinned, goes_next } = session;
    const length = `${count(steps)} ${steps === 1 ? "token" : "tokens"} · ${clock(seconds)}`;
    const facts = [model, length, ago(created, Date.now() / 1000), size(session.bytes)];
    if (running) facts.push("running");
    else if (!session.complete) facts.push("cut off");
    if (goes_next) facts.push("goes next");
    const here = id === this.shown;
    const name = h(
      "a",
      {
        href: addressOf(location.search, id),
        "data-control": "open",
        title,
        ...(here ? { "aria-current": "page" } : {}),
      },
      title,
    );
    const row = h(
      "li",
      { "data-session": id, "data-next": String(goes_next) },
      h("div", { class: "what" }, name, h("span", { class: "facts" }, facts.join(" · "))),
    );
    if (!changeable) return row;
    const pin = this.button("pin", pinned ? "UNPIN" : "PIN", `${pinned ? "Unpin" : "Pin"} ${title}`, () =>
      this.change(() => this.client.change(id, { pinned: !pinned })),
    );
    pin.setAttribute("aria-pressed", String(pinned));
    const rename = this.button("rename", "RENAME", `Rename ${title}`, () => this.rename(name, session));
    row.append(pin, rename, this.deleter(session));
    return row;
  }

  private button(control: string, word: string, label: string, click: () => void): HTMLButtonElement {
    const attributes = {
      type: "button",
      class: "quiet",
      "aria-label": label,
      "data-control": control,
      click,
    };
    return h("button", attributes, word);
  }

  /** The first press asks, the second deletes. */
  private deleter({ id, title, running }: KeptSession): HTMLButtonElement {
    let sure = false;
    const button = this.button("delete", "DELETE", `Delete ${title}`, () => {
      if (sure) {
        void this.change(() => this.client.remove(id));
        return;
      }
      sure = true;
      setText(button, "SURE?");
      button.setAttribute("aria-label", `Really delete ${title}`);
      button.dataset.sure = "true";
      setTimeout(() => {
        sure = false;
        setText(button, "DELETE");
        button.setAttribute("aria-label", `Delete ${title}`);
        delete button.dataset.sure;
      }, SURE);
    });
    button.disabled = running;
    return button;
  }

  private rename(name: HTMLElement, { id, title }: KeptSession): void {
    let done = false;
    const finish = (keep: boolean, byKey = false) => {
      if (done) return;
      done = true;
      const wanted = input.value.trim();
      input.replaceWith(name);
      if (byKey) name.focus();
      if (keep && wanted !== "" && wanted !== title) {
        void this.change(() => this.client.change(id, { title: wanted }));
      }
    };
    const key = (event: KeyboardEvent) => {
      if (event.isComposing || (event.key !== "Enter" && event.key !== "Escape")) return;
      event.preventDefault();
      finish(event.key === "Enter", true);
    };
    const input = h("input", {
      type: "text",
      value: title,
      maxlength: 200,
      "aria-label": "Title",
      keydown: key,
      blur: () => finish(true),
    });
    name.replaceWith(input);
    input.select();
  }

  private async change(work: () => Promise<void>): Promise<void> {
    try {
      await work();
      await this.refresh();
    } catch (error) {
      this.say(sentence(error));
      this.noteUntil = Date.now() + READ;
    }
  }

  private say(text: string): void {
    setText(this.note, text);
  }
}

function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
