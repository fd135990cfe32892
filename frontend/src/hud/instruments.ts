import { attention } from "./attention/attention";
import type { Instrument } from "./instrument";
import { kv } from "./kv/kv";
import { monitor } from "./monitor";
import { pulse } from "./pulse/pulse";
import { waterfall } from "./waterfall/waterfall";

export type { HudPointerEvent, Instrument, InstrumentView } from "./instrument";

/** All instruments there are; presets and tabs name them by id. */
export const INSTRUMENTS: readonly Instrument[] = [monitor, pulse, kv, waterfall, attention];

const BY_ID = new Map(INSTRUMENTS.map((instrument) => [instrument.id, instrument]));

export function instrumentOf(id: string): Instrument | undefined {
  return BY_ID.get(id);
}
