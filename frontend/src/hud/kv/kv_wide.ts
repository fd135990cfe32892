import type { AppState } from "../../state/state";
import { bytes } from "../format";
import { HEADING } from "../kit/heading";
import { bar } from "../kit/meter";
import { inset, type Rect } from "../layout";
import { PlaceIn } from "../place_in";
import type { Scene } from "../scene";
import { color, size, text } from "../theme";
import type { HudUi } from "../ui";
import { KvGrid } from "./kv_grid";
import { placeRing, type RingPlace } from "./kv_ring";
import type { KvOwn, KvShown } from "./kv_shown";
import { KvTable } from "./kv_table";

const GAP = 32;
/** Below the ring: two rows of numbers, three of bytes. */
const FACTS = 172;
const FACT = 38;
const BYTES = 28;
/** Share of the width that the ring has at most, and the table. */
const RING = 0.34;
const TABLE = 0.34;
const WIDEST_TABLE = 780;

interface WidePlace {
  readonly body: Rect;
  readonly ring: RingPlace;
  readonly facts: Rect;
  readonly cells: Rect;
  readonly table: Rect;
}

function placeOf(panel: Rect): WidePlace {
  const inner = inset(panel, size.padding);
  const y = panel.y + HEADING + 8;
  const body = { ...inner, y, height: inner.y + inner.height - y };
  const side = Math.floor(Math.min(body.width * RING, body.height - FACTS));
  const above = body.height - FACTS;
  const ring = placeRing(Math.round(body.x + side / 2), Math.round(y + above / 2), side / 2 - 2);
  const facts = { x: body.x, y: y + above, width: side, height: FACTS };
  const table = Math.floor(Math.min(body.width * TABLE, WIDEST_TABLE));
  const cells = body.width - side - table - 2 * GAP;
  return {
    body,
    ring,
    facts,
    cells: { x: body.x + side + GAP, y, width: cells, height: body.height },
    table: { x: body.x + body.width - table, y, width: table, height: body.height },
  };
}

/** What a large panel shows with the ring: numbers below it, its cells in rows, and every layer in a table. */
export class KvWide {
  readonly placeIn = new PlaceIn(placeOf);
  private readonly grid: KvGrid;
  private readonly table: KvTable;
  /** Bytes that one more token takes, in words; and what they are of. */
  private each = "";
  private of: KvShown | null = null;

  constructor(private readonly scene: Scene) {
    this.grid = new KvGrid(scene);
    this.table = new KvTable(scene);
  }

  draw(state: AppState, shown: KvShown, rect: Rect, ui: HudUi): void {
    const { facts, cells, table } = this.placeIn.of(rect);
    if (shown !== this.of) this.each = bytes(bytesOfToken(shown));
    this.of = shown;
    this.table.draw(state, shown.cache, table, ui.hits, ui.pointerX, ui.pointerY);
    if (!shown.own) return;
    this.drawLegend(shown.own, facts);
    this.drawFacts(shown.own, facts);
    this.drawBytes(shown, shown.own, facts);
    this.grid.draw(state, shown.cache, shown.own, cells);
  }

  /** As of the table's. */
  rowAt(y: number): number {
    return this.table.rowAt(y);
  }

  /** The cell under a point of the rows; -1 elsewhere. */
  cellAt(x: number, y: number): number {
    return this.of?.own ? this.grid.cellAt(x, y) : -1;
  }

  layerTold(x: number, y: number): readonly string[] | null {
    return this.table.told(x, y);
  }

  /** What the inner ring is, at the corners that the ring leaves. */
  private drawLegend({ words }: KvOwn, { x, y, width }: Rect): void {
    const { scene } = this;
    scene.text(x, y - 18, "inner ring", text.caption, color.muted);
    scene.text(x, y - 6, words.inner, text.caption, color.muted);
    scene.text(x + width, y - 18, "spike =", text.caption, color.muted, "right");
    scene.text(x + width, y - 6, "√attention", text.caption, color.muted, "right");
  }

  private drawFacts({ model, words }: KvOwn, { x, y, width }: Rect): void {
    const step = width / 4;
    const top = y + 22;
    this.fact(x, top, "prompt", words.prompt, color.prompt);
    this.fact(x + step, top, "answer", words.answer, color.data);
    this.fact(x + 2 * step, top, "free", words.free, color.words);
    this.fact(x + 3 * step, top, "write", words.write, color.attention);
    const low = top + FACT;
    const windowed = model.window > 0;
    this.fact(x, low, "window", windowed ? words.window : "all", windowed ? color.now : color.words);
    this.fact(x + step, low, "offset", words.offset, color.words);
    this.fact(x + 2 * step, low, "position", words.position, color.words);
    this.fact(x + 3 * step, low, "each token", this.each, color.words);
  }

  private fact(x: number, y: number, name: string, value: string, paint: number): void {
    this.scene.text(x, y, name, text.caption, color.muted);
    this.scene.text(x, y + 16, value, text.largeToken, paint);
  }

  /** Of the layer's keys and values, and of all layers: in use, of what is reserved. */
  private drawBytes({ layers, bytes: all }: KvShown, { model }: KvOwn, { x, y, width, height }: Rect): void {
    const { scene } = this;
    const share = model.used / model.cells;
    const top = y + height - 3 * BYTES + 12;
    const whole = layers.reservedBytes > 0 ? layers.usedBytes / layers.reservedBytes : 0;
    const line = (i: number, name: string, value: string, of: number, paint: number): void => {
      const at = top + i * BYTES;
      scene.text(x, at, name, text.caption, color.muted);
      scene.text(x + width, at, value, text.caption, color.words, "right");
      bar(scene, x, at + 6, width, 4, of, paint);
    };
    line(0, "keys", model.keys, share, color.prompt);
    line(1, "values", model.values, share, color.data);
    line(2, layers.said[0]!, all[0]!, whole, color.data);
  }
}

/** Bytes that the next token's keys and values take, in all layers that keep them. */
function bytesOfToken({ cache }: KvShown): number {
  let sum = 0;
  for (let row = 0; row < cache.layer.data.length; row++) {
    const cells = cache.max_len.data[row]!;
    if (cells > 0) sum += Number(cache.key_bytes.data[row]! + cache.value_bytes.data[row]!) / cells;
  }
  return sum;
}
