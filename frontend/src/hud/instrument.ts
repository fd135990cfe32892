import type { AppState } from "../state/state";
import type { Part } from "../telemetry/protocol.gen";
import type { Hit } from "./hits";
import type { Rect } from "./layout";
import type { Scene } from "./scene";
import type { HudUi } from "./ui";

/** What a pointer does on an instrument. Logical pixels. */
export interface HudPointerEvent {
  /** `drag` and `release` follow a `press` that was taken, with the same hit, wherever the pointer is. */
  readonly type: "press" | "drag" | "release" | "double" | "wheel";
  readonly x: number;
  readonly y: number;
  /** Since the last event of this drag. */
  readonly dx: number;
  readonly dy: number;
  /** Of the wheel, down is positive; else 0. */
  readonly wheel: number;
  readonly shift: boolean;
  readonly ctrl: boolean;
}

/** An instrument in the cockpit: what draws it, and what answers its pointer. Holds only what can be made again. */
export interface InstrumentView {
  /** Writes this frame into the scene. `rect` is the whole panel; the instrument draws its own frame and heading. */
  draw(state: AppState, rect: Rect, now: number, ui: HudUi): void;
  /** Takes in what is new in the state, where it remembers more of a run than the state does. */
  observe?(state: AppState, now: number, ui: HudUi): void;
  /** Something else was selected: it asks the server for what it lacks of that, before it is drawn. */
  ask?(state: AppState, ui: HudUi): void;
  /** A replay went elsewhere: of what it remembers, nothing counts that it saw before clock time `before`. */
  forget?(before: number): void;
  /** Something happened on one of the regions it registered. True takes it, and with a press the drag that follows. */
  pointer?(hit: Readonly<Hit>, event: HudPointerEvent, state: AppState, ui: HudUi): boolean;
}

/** A scale or a mode of an instrument: what it may be, for those who choose it without a pointer. */
export interface Option {
  /** In the state's options, and so in the page's address: `attention.mode`. */
  readonly name: string;
  readonly label: string;
  /** The first is what it is at first, and stands in no address. */
  readonly choices: readonly { readonly value: string; readonly word: string }[];
}

/** What the cockpit knows of an instrument before it is on show. */
export interface Instrument {
  readonly id: string;
  /** As in its heading: capitals. */
  readonly title: string;
  /** On a tab, where there is little room; capitals. */
  readonly short: string;
  /** The state it looks at: asked for while it is on show, and only then. */
  readonly parts: readonly Part[];
  /** Logical pixels: the cockpit gives it no less, but for a window that has not so much. */
  readonly minimum: { readonly width: number; readonly height: number };
  /** Heads whose newest rows it needs; at most a few. */
  attention?(state: AppState): readonly (readonly [layer: number, head: number])[];
  readonly options?: readonly Option[];
  /** False leaves it out of the cockpit: the model has nothing for it to show. */
  available?(state: AppState): boolean;
  create(scene: Scene): InstrumentView;
}
