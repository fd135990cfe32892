import type { Arrangement } from "../hud/arrangement";
import { readSides, writeSides } from "../hud/arrangement_address";
import {
  headForgotten,
  headSelected,
  instrumentFocused,
  optionSet,
  presetChosen,
  stepSelected,
  viewChosen,
} from "../state/reduce";
import type { AppState } from "../state/state";
import { readUrl, urlStateOf, writeUrl } from "../state/url_state";
import type { ArchiveSource } from "../telemetry/archive_source";
import type { PointerTarget, UiState } from "./picture";

/** Seconds between two looks at what has changed; browsers allow a page few changes of its address. */
const EVERY = 0.5;
/** Seconds from the run's start, in a link to a replay. */
const TIME = "at";
/** For the next token, where they are more than five. */
const CANDIDATES = "candidates";

/** Keeps the page's whole state in its address, so that a link, or a reload, shows the same. */
export class Address {
  private lookedAt = Number.NEGATIVE_INFINITY;
  private camera: readonly number[] | null = null;
  /** As the address has it. */
  private arranged: Arrangement | null = null;
  private topCount = 0;
  /** A moment that the link names and the page has not yet got to. */
  private step: number | null = null;

  constructor(
    private readonly state: AppState,
    private readonly ui: Pick<UiState, "cockpit" | "topCount">,
    private readonly pointer: () => PointerTarget | null,
    /** The kept run on show: where it stands is in the address while it stands. */
    private readonly replay: ArchiveSource | null = null,
  ) {}

  /** What the address says becomes the state. */
  read(): void {
    const { state } = this;
    const { view, preset, focus, layer, head, step, camera, options } = readUrl(location.search);
    presetChosen(state, preset);
    viewChosen(state, view);
    const parameters = new URLSearchParams(location.search);
    this.ui.cockpit.link(state.preset, readSides(parameters, state.preset));
    if (parameters.get(CANDIDATES) === "20") this.ui.topCount = 20;
    instrumentFocused(state, focus);
    if (layer === null || head === null) headForgotten(state);
    else headSelected(state, layer, head);
    for (const name of [...state.options.keys()]) optionSet(state, name, null);
    for (const [name, value] of options) optionSet(state, name, value);
    this.camera = camera;
    this.step = step;
    if (step === null) stepSelected(state, null);
    const pointer = this.pointer();
    if (pointer) this.equip(pointer);
    if (this.replay) this.readTime(this.replay);
  }

  /** A camera was made: it goes where it was. */
  equip(pointer: PointerTarget): void {
    if (this.camera) pointer.goTo(this.camera);
  }

  /** Look whether the address still says what is on show; `now` is the page's clock. */
  update(now: number): void {
    if (Math.abs(now - this.lookedAt) < EVERY) return;
    this.lookedAt = now;
    const { state } = this;
    const newest = state.tokens.at(-1)?.event.step;
    if (this.step !== null && newest !== undefined && newest >= this.step) {
      stepSelected(state, this.step, true);
      this.step = null;
    }
    const pointer = this.pointer();
    if (pointer) this.camera = pointer.goal();
    const shown = urlStateOf(state, this.camera);
    const written = writeUrl(location.search, this.step === null ? shown : { ...shown, step: this.step });
    const { cockpit, topCount } = this.ui;
    const arrangement = cockpit.of(state.preset);
    const same = arrangement === this.arranged && topCount === this.topCount && !this.replay;
    if (same && written === location.search) return;
    this.arranged = arrangement;
    this.topCount = topCount;
    const parameters = new URLSearchParams(written);
    if (topCount === 20) parameters.set(CANDIDATES, "20");
    else parameters.delete(CANDIDATES);
    writeSides(parameters, arrangement, state.preset);
    if (this.replay) writeTime(parameters, this.replay);
    const text = parameters.toString();
    const search = text === "" ? "" : `?${text}`;
    if (search === location.search) return;
    history.replaceState(null, "", `${location.pathname}${search}${location.hash}`);
  }

  /** A replay stands where the link says; without a word it plays. */
  private readTime(replay: ArchiveSource): void {
    const text = new URLSearchParams(location.search).get(TIME);
    if (text !== null && /^\d{1,7}(\.\d{1,6})?$/.test(text)) {
      replay.playback.pause();
      replay.seek(Number(text));
    } else replay.playback.play();
  }
}

/** The time at which a replay stands; a playing one has none. */
function writeTime(parameters: URLSearchParams, { playback }: ArchiveSource): void {
  if (playback.playing) parameters.delete(TIME);
  // The next millisecond that is not before it: at the last one a token that comes just now was not there yet.
  else parameters.set(TIME, String(Math.ceil(playback.time * 1000 - 1e-6) / 1000));
}
