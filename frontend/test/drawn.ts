import "../src/app/platform";
import { HEAT_EDGE } from "../src/hud/heat_store";
import type { HitKind } from "../src/hud/hits";
import type { HudPointerEvent, Instrument } from "../src/hud/instrument";
import { FORM, ITEM_WORDS, KIND, Shape } from "../src/hud/items";
import type { Rect } from "../src/hud/layout";
import { Scene } from "../src/hud/scene";
import { createHudUi } from "../src/hud/ui";
import type { Asked } from "../src/state/requests";
import type { AppState } from "../src/state/state";
import { halfToFloat } from "../src/telemetry/half";
import type { Message } from "../src/telemetry/protocol.gen";
import { Glyphs } from "../src/text/glyphs";
import { BlockRasterizer } from "./block_rasterizer";

/** A matrix in the scene: where its values lie, and how many there are. */
export interface Heat {
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
}

/** One instrument on a scene of its own, and hands to use it with. */
export class Drawn {
  readonly scene = new Scene(new Glyphs(new BlockRasterizer()));
  /** Questions it put, and what answers them. */
  readonly asked: { asked: Asked; answer: (reply: Message) => void }[] = [];
  readonly ui = createHudUi({
    send: () => {},
    ask: (_slot, asked, done) => this.asked.push({ asked, answer: done as (reply: Message) => void }),
    toggleTopCount: () => {},
    focus: () => {},
  });
  private readonly view;
  private now = 100;

  constructor(
    instrument: Instrument,
    readonly state: AppState,
    readonly rect: Rect = { x: 16, y: 60, width: 416, height: 480 },
  ) {
    this.view = instrument.create(this.scene);
    this.draw();
  }

  draw(rect = this.rect): void {
    this.now += 1;
    this.scene.reset(1920, 1080, 1);
    this.ui.hits.reset();
    this.view.draw(this.state, rect, this.now, this.ui);
    this.scene.endLayer();
  }

  /** Presses the first region of a kind and value, `across` and `down` it (0 to 1), and draws again. */
  press(
    kind: HitKind,
    value: number,
    across = 0.5,
    down = 0.5,
    more: Partial<HudPointerEvent> = {},
  ): boolean {
    for (let y = this.rect.y; y < this.rect.y + this.rect.height; y++) {
      for (let x = this.rect.x; x < this.rect.x + this.rect.width; x += 2) {
        const hit = this.ui.hits.find(x, y);
        if (hit?.kind !== kind || hit.value !== value) continue;
        const at = { x: hit.x + across * hit.width, y: hit.y + down * hit.height };
        const event: HudPointerEvent = {
          ...{ type: "press", dx: 0, dy: 0, wheel: 0, shift: false, ctrl: false },
          ...at,
          ...more,
        };
        const taken = this.view.pointer?.({ ...hit }, event, this.state, this.ui) ?? false;
        this.draw();
        return taken;
      }
    }
    throw new Error(`nothing answers to ${kind} ${value}`);
  }

  /** The matrices on show, in the order in which they were drawn. */
  heats(): Heat[] {
    const floats = new Float32Array(this.scene.words.buffer);
    const found: Heat[] = [];
    for (let i = 0; i < this.scene.shapeCount; i++) {
      if ((this.scene.words[i * ITEM_WORDS + KIND]! & 0xff) !== Shape.heat) continue;
      const o = i * ITEM_WORDS + FORM;
      found.push({ x: floats[o]!, y: floats[o + 1]!, columns: floats[o + 2]!, rows: floats[o + 3]! });
    }
    return found;
  }

  /** A value of a matrix, as the shader would read it. */
  value(heat: Heat, column: number, row: number): number {
    return halfToFloat(this.scene.heat.values[(heat.y + row) * HEAT_EDGE + heat.x + column]!);
  }
}
