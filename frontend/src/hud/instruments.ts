import { attention } from "./attention/attention";
import { entropy } from "./entropy/entropy";
import { experts } from "./experts/experts";
import { flow } from "./flow/flow";
import type { Instrument } from "./instrument";
import { kv } from "./kv/kv";
import { memory } from "./memory/memory";
import { monitor } from "./monitor";
import { pulse } from "./pulse/pulse";
import { rope } from "./rope/rope";
import { waterfall } from "./waterfall/waterfall";

export type { HudPointerEvent, Instrument, InstrumentView } from "./instrument";

/** All instruments there are; presets and tabs name them by id. */
export const INSTRUMENTS: readonly Instrument[] = [
  monitor,
  pulse,
  kv,
  waterfall,
  flow,
  attention,
  entropy,
  rope,
  experts,
  memory,
];

const BY_ID = new Map(INSTRUMENTS.map((instrument) => [instrument.id, instrument]));

export function instrumentOf(id: string): Instrument | undefined {
  return BY_ID.get(id);
}
