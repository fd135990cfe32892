import type { Instrument } from "../src/hud/instrument";
import { ITEM_WORDS, KIND, PLACE, type Shape } from "../src/hud/items";
import type { Rect } from "../src/hud/layout";
import { Scene } from "../src/hud/scene";
import { createHudUi } from "../src/hud/ui";
import type { Requests } from "../src/state/requests";
import type { AppState } from "../src/state/state";
import { Glyphs } from "../src/text/glyphs";
import { BlockRasterizer } from "./block_rasterizer";

/** One instrument on a scene of its own, to be drawn and touched. */
export function stage(instrument: Instrument, state: AppState, rect: Rect, ask: Requests["ask"] = () => {}) {
  const scene = new Scene(new Glyphs(new BlockRasterizer()));
  const ui = createHudUi({ send: () => {}, ask, toggleTopCount: () => {}, focus: () => {} });
  const view = instrument.create(scene);
  const floats = new Float32Array(scene.words.buffer);
  const draw = (now: number): void => {
    scene.reset(1920, 1080, 1);
    ui.hits.reset();
    view.draw(state, rect, now, ui);
    scene.endLayer();
  };
  /** Places (x0, y0, x1, y1, or as the shape has them) of the items of a shape, in order. */
  const items = (shape: (typeof Shape)[keyof typeof Shape]): number[][] => {
    const found: number[][] = [];
    for (let i = 0; i < scene.shapeCount; i++) {
      if ((scene.words[i * ITEM_WORDS + KIND]! & 0xff) !== shape) continue;
      found.push([...floats.subarray(i * ITEM_WORDS + PLACE, i * ITEM_WORDS + PLACE + 4)]);
    }
    return found;
  };
  return { scene, ui, view, draw, items };
}
