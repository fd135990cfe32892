import "../dialog.css";
import "./export.css";
import { ArchiveSource } from "../../telemetry/archive_source";
import { h, setText } from "../dom";
import { sentence } from "../sentence";
import { choice, numeric, row } from "./fields";
import type { Film, LiveFilm } from "./film";
import type { Container } from "./film_writer";
import { save } from "./save";
import { even, framesOf, type Pixels, refusal, SIZES, stretchRefusal } from "./sizes";
import { takeStill } from "./still";
import type { Studio } from "./studio";

export type Kind = "picture" | "film";

const RATES = [24, 30, 60];
const SPEEDS = [0.25, 0.5, 1, 2, 4];

/** Opens the dialog over the page. It is made anew each time, for what is on show now. */
export function openExport(studio: Studio, kind: Kind): void {
  if (studio.root.querySelector("dialog.export[open]")) return;
  const dialog = new ExportDialog(studio, kind);
  studio.root.append(dialog.element);
  dialog.element.showModal();
}

interface Work {
  readonly abort: AbortController;
  /** A live film, until it is stopped. */
  live: LiveFilm | null;
}

class ExportDialog {
  readonly element: HTMLDialogElement;
  private readonly tabs: Readonly<Record<Kind, HTMLButtonElement>>;
  private readonly size: HTMLSelectElement;
  private readonly width: HTMLInputElement;
  private readonly height: HTMLInputElement;
  private readonly container = choice<Container>("Format", [], (name) => name.toUpperCase());
  private readonly rate = choice("Frames a second", RATES, String);
  private readonly speed = choice("Speed", SPEEDS, (speed) => `${speed}×`);
  private readonly from: HTMLInputElement;
  private readonly to: HTMLInputElement;
  private readonly note = h("p", { class: "note", role: "status" });
  private readonly bar = h("progress", { "aria-label": "Progress", max: 1, value: 0 });
  private readonly start = h("button", { type: "submit" }, "SAVE");
  private readonly cancel = h(
    "button",
    { type: "button", class: "quiet", click: () => this.leave() },
    "CLOSE",
  );
  private readonly replay: ArchiveSource | null;
  private work: Work | null = null;
  /** Whether it is known what films the browser can write. */
  private known = false;
  private ticker = 0;

  constructor(
    private readonly studio: Studio,
    private kind: Kind,
  ) {
    this.replay = studio.source instanceof ArchiveSource ? studio.source : null;
    const screen = even({ width: studio.screen.pixelWidth, height: studio.screen.pixelHeight });
    const offered = [screen, ...SIZES];
    this.size = h(
      "select",
      { "aria-label": "Size", change: () => this.sizeChosen() },
      ...offered.map(({ width, height }, i) =>
        h(
          "option",
          { value: `${width}x${height}` },
          `${width} × ${height}${i === 0 ? " (this window)" : ""}`,
        ),
      ),
      h("option", { value: "" }, "another size"),
    );
    const changed = () => this.update();
    const sized = () => this.sized();
    this.width = numeric("Width", screen.width, sized);
    this.height = numeric("Height", screen.height, sized);
    const last = this.replay?.manifest.steps ?? 1;
    this.from = numeric("From token", 1, changed);
    this.to = numeric("To token", last, changed);
    for (const input of [this.from, this.to]) input.max = String(last);
    const tab = (of: Kind, name: string) =>
      h("button", { type: "button", role: "tab", click: () => this.choose(of) }, name);
    this.tabs = { picture: tab("picture", "PICTURE"), film: tab("film", "FILM") };
    this.element = this.build();
    for (const { element } of [this.container, this.rate, this.speed])
      element.addEventListener("change", changed);
    this.rate.set(30);
    this.speed.set(1);
    this.choose(kind);
  }

  private build(): HTMLDialogElement {
    const film = { class: "of-film" };
    const stretch = { class: "of-film of-replay" };
    const form = h(
      "form",
      // What is wrong with a field is said in the note: the browser can't point at one that is hidden.
      { method: "dialog", novalidate: true, submit: (event: SubmitEvent) => this.begin(event) },
      h("div", { class: "tabs", role: "tablist" }, this.tabs.picture, this.tabs.film),
      row({ class: "of-size" }, "Size", this.size, this.width, "×", this.height),
      row(film, "Format", this.container.element, this.rate.element, "frames a second"),
      row(stretch, "Tokens", this.from, "to", this.to, "at", this.speed.element),
      this.note,
      this.bar,
      h("div", { class: "ways" }, this.cancel, this.start),
    );
    const dialog = h("dialog", { class: "sheet export", "aria-label": "Save a picture or a film" }, form);
    dialog.addEventListener("cancel", (event) => {
      if (!this.work) return;
      event.preventDefault();
      this.leave();
    });
    dialog.addEventListener("close", () => this.work?.live || dialog.remove());
    return dialog;
  }

  private choose(kind: Kind): void {
    this.kind = kind;
    for (const [of, tab] of Object.entries(this.tabs)) tab.setAttribute("aria-selected", String(of === kind));
    this.element.dataset.kind = kind;
    this.element.dataset.source = this.replay ? "replay" : "live";
    this.sized();
  }

  private sizeChosen(): void {
    const [width, height] = this.size.value.split("x");
    if (width && height) {
      this.width.value = width;
      this.height.value = height;
    }
    this.sized();
  }

  private sized(): void {
    this.update();
    if (this.kind === "film") void this.offerContainers();
  }

  private get pixels(): Pixels {
    return { width: this.width.valueAsNumber, height: this.height.valueAsNumber };
  }

  /** A film's size: a live one has the window's. */
  private get filmed(): Pixels {
    return even(this.replay ? this.pixels : this.studio.canvas);
  }

  private async offerContainers(): Promise<void> {
    const { containersFor } = await import("./film_writer");
    const { width, height } = this.filmed;
    if (refusal({ width, height })) return;
    const there = await containersFor({ width, height });
    // Another size may have been named meanwhile.
    if (this.work || this.filmed.width !== width || this.filmed.height !== height) return;
    this.container.offer(there);
    this.known = true;
    this.update();
  }

  /** What will come of it, or why it can't be. */
  private update(): void {
    if (this.work) return;
    const named = `${this.width.value}x${this.height.value}`;
    const known = [...this.size.options].some(({ value }) => value === named);
    if (!known) this.size.value = "";
    else if (this.size.value !== "") this.size.value = named;
    const refused = this.refused();
    this.start.disabled = refused !== "";
    setText(this.start, this.kind === "picture" ? "SAVE PNG" : this.replay ? "SAVE FILM" : "RECORD");
    this.say(refused || this.promise());
  }

  private refused(): string {
    const sized = this.kind === "picture" || this.replay !== null;
    const refused = sized ? refusal(this.pixels) : "";
    if (refused || this.kind === "picture") return refused;
    if (!this.known) return "Looking what this browser can write …";
    if (!this.container.value) return "This browser can't write films: it has no WebCodecs for this size.";
    const { from, to } = this.steps;
    return this.replay ? stretchRefusal(from, to, this.replay.manifest.steps) : "";
  }

  private promise(): string {
    if (this.kind === "picture") return "What is on show now, drawn anew at this size.";
    if (!this.replay) {
      return "The window is filmed as it is drawn, without its controls, until you stop.";
    }
    const take = this.take;
    const frames = framesOf(take);
    return `${frames} frames, ${(frames / take.frameRate).toFixed(1)} s: each is drawn at its own time, however long that takes.`;
  }

  private get steps(): { from: number; to: number } {
    return { from: this.from.valueAsNumber - 1, to: this.to.valueAsNumber - 1 };
  }

  private get take() {
    const { replay } = this;
    const { from, to } = this.steps;
    const last = replay ? replay.manifest.steps - 1 : 0;
    return {
      pixels: this.filmed,
      container: this.container.value as Container,
      frameRate: this.rate.value as number,
      // From before the first token, and to the end of what followed the last.
      start: from === 0 ? 0 : (replay?.timeOf(from) ?? 0),
      stop: to >= last ? (replay?.playback.duration ?? 0) : (replay?.timeOf(to + 1) ?? 0),
      speed: this.speed.value as number,
    };
  }

  private begin(event: SubmitEvent): void {
    event.preventDefault();
    if (this.work?.live) {
      void this.finishLive(this.work.live);
      return;
    }
    if (this.work || this.refused()) return;
    const work: Work = { abort: new AbortController(), live: null };
    this.work = work;
    this.element.dataset.busy = "true";
    setText(this.cancel, "CANCEL");
    this.start.disabled = true;
    window.addEventListener("beforeunload", hold);
    const done =
      this.kind === "picture" ? this.picture(work) : this.replay ? this.film(work) : this.live(work);
    done.then(
      () => work.live || this.end(),
      (error: unknown) => this.end(work.abort.signal.aborted ? "Cancelled." : sentence(error)),
    );
  }

  private async picture({ abort }: Work): Promise<void> {
    this.say("Drawing …");
    this.bar.removeAttribute("value");
    const blob = await takeStill(this.studio, this.pixels);
    abort.signal.throwIfAborted();
    save(blob, `${this.name}.png`);
  }

  private async film(work: Work): Promise<void> {
    const { take } = this;
    const began = performance.now();
    const report = (done: number, all: number) => {
      this.bar.value = done / all;
      const left = done > 0 ? (((performance.now() - began) / done) * (all - done)) / 1000 : Number.NaN;
      const soon = Number.isNaN(left) ? "" : `, about ${Math.ceil(left)} s left`;
      this.say(`Frame ${done} of ${all}${soon}`);
    };
    const { filmReplay } = await import("./film");
    this.keep(await filmReplay(this.studio, take, report, work.abort.signal), take.container);
  }

  private async live(work: Work): Promise<void> {
    const container = this.container.value as Container;
    const { LiveFilm } = await import("./film");
    const live = await LiveFilm.start(this.studio, container, this.rate.value as number);
    if (work.abort.signal.aborted) {
      await live.cancel();
      throw work.abort.signal.reason;
    }
    work.live = live;
    work.abort.signal.addEventListener("abort", () => void live.cancel());
    setText(this.start, "STOP AND SAVE");
    this.start.disabled = false;
    // The page is to be seen and used while it is filmed.
    this.element.close();
    this.studio.root.append(this.element);
    this.element.show();
    this.ticker = window.setInterval(() => this.tellLive(work), 250);
  }

  private tellLive({ live }: Work): void {
    if (!live) return;
    if (live.failure) {
      void this.finishLive(live);
      return;
    }
    const missed = live.missed > 0 ? `, ${live.missed} left out` : "";
    this.say(`Recording: ${live.seconds.toFixed(1)} s, ${live.frames} frames${missed}`);
  }

  private async finishLive(live: LiveFilm): Promise<void> {
    this.start.disabled = true;
    window.clearInterval(this.ticker);
    try {
      this.keep(await live.stop(), this.container.value as Container);
      this.end();
    } catch (error) {
      this.end(sentence(error));
    }
  }

  private keep(film: Film, container: Container): void {
    save(film.blob, `${this.name}.${container}`);
    this.say(`${film.frames} frames, ${(film.blob.size / 1e6).toFixed(1)} MB`);
  }

  /** The work is over, well or with a sentence. */
  private end(message = ""): void {
    window.clearInterval(this.ticker);
    window.removeEventListener("beforeunload", hold);
    this.work = null;
    delete this.element.dataset.busy;
    this.bar.value = 0;
    setText(this.cancel, "CLOSE");
    if (!message) {
      this.element.close();
      return;
    }
    this.update();
    this.say(message);
  }

  /** Cancel what is being made; else close. */
  private leave(): void {
    if (this.work?.live) {
      this.work.abort.abort();
      this.end("Cancelled.");
    } else if (this.work) this.work.abort.abort();
    else this.element.close();
  }

  private say(text: string): void {
    setText(this.note, text);
  }

  /** Of the file, without its ending. */
  private get name(): string {
    const { model, run } = this.studio.state;
    const parts = ["cloud-chamber", model?.name ?? "", run?.started.run_id.slice(0, 6) ?? ""];
    return parts
      .filter(Boolean)
      .join("-")
      .replace(/[^\w.-]+/g, "_");
  }
}

/** Has the browser ask before it leaves the page, and with it what is being made. */
function hold(event: Event): void {
  event.preventDefault();
}
