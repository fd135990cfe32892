import type { Vocabulary } from "../../state/vocabulary";
import type { TokenGenerated } from "../../telemetry/protocol.gen";
import { count, duration, probability } from "../format";
import { threshold } from "../theme";

/** A token that was in the running at a step. */
export interface WaterfallCell {
  readonly id: number;
  /** 1 is the most probable. */
  readonly rank: number;
  /** Without the leading space that most tokens have. */
  readonly label: string;
  /** Before the samplers; also the width of its bar, as a share of the column's. */
  readonly p: number;
  /** As a column has room for: two digits. */
  readonly shown: string;
  readonly sampled: boolean;
}

/** A generated token: a column of the picture. */
export interface WaterfallColumn {
  readonly step: number;
  readonly position: string;
  /** The sampled token's text. */
  readonly token: string;
  /** Nats, of the model's distribution. */
  readonly entropy: number;
  readonly entropyShown: string;
  /** With its sign, where there is room. */
  readonly entropyNamed: string;
  readonly uncertain: boolean;
  /** Candidates, most probable first; as many as the event holds. */
  readonly cells: readonly WaterfallCell[];
  readonly sampled: WaterfallCell;
  /** The sampled token stands among the candidates at this place; -1 where it ranks lower than all of them. */
  readonly place: number;
}

/** Two digits: `.15`; `<.01` for what they can't tell from nothing. */
export function shortProbability(p: number): string {
  if (p >= 0.995) return p === 1 ? "1" : ">.99";
  if (p < 0.005) return p === 0 ? "0" : "<.01";
  return p.toFixed(2).slice(1);
}

/** A label without its leading space, unless there is nothing else. */
export function bare(label: string): string {
  return label.length > 1 && label.startsWith("·") ? label.slice(1) : label;
}

export function columnOf(event: TokenGenerated, vocabulary: Vocabulary | null): WaterfallColumn {
  const label = (id: number): string => {
    if (vocabulary) return bare(vocabulary.label(id));
    return id === event.token_id ? event.token_text.trim() || `#${id}` : `#${id}`;
  };
  const cell = (id: number, rank: number, p: number): WaterfallCell => ({
    id,
    rank,
    label: label(id),
    p,
    shown: shortProbability(p),
    sampled: id === event.token_id,
  });
  const cells: WaterfallCell[] = [];
  const { data: ids } = event.top_ids;
  for (let i = 0; i < ids.length; i++) cells.push(cell(ids[i]!, i + 1, event.top_p.data[i]!));
  const place = cells.findIndex((candidate) => candidate.sampled);
  return {
    step: event.step,
    position: String(event.position),
    token: label(event.token_id),
    entropy: event.entropy,
    entropyShown: event.entropy.toFixed(1),
    entropyNamed: `H ${event.entropy.toFixed(1)}`,
    uncertain: event.entropy > threshold.uncertain,
    cells,
    sampled: cells[place] ?? cell(event.token_id, event.rank, event.probability),
    place,
  };
}

/** What pointing at a column tells: whole text, exact numbers. */
export function columnFacts(event: TokenGenerated, vocabulary: Vocabulary | null): string[] {
  const kept =
    vocabulary && event.sampled_count >= vocabulary.size
      ? "all tokens in the running"
      : `${count(event.sampled_count)} left by the samplers`;
  return [
    vocabulary?.label(event.token_id) ?? event.token_text,
    `position ${event.position} · answer token ${event.step + 1}`,
    `p ${probability(event.probability)} · rank ${count(event.rank)} · id ${event.token_id}`,
    `after the samplers p ${probability(event.sampled_probability)}`,
    kept,
    `H ${event.entropy.toFixed(2)} nats · ${duration(event.decode_seconds)}`,
  ];
}

/** What pointing at a candidate tells. */
export function cellFacts(cell: WaterfallCell, vocabulary: Vocabulary | null): string[] {
  return [
    vocabulary?.label(cell.id) ?? cell.label,
    `p ${cell.p >= 0.001 ? probability(cell.p) : cell.p.toExponential(1)} · rank ${count(cell.rank)} · id ${cell.id}`,
    cell.sampled ? "sampled" : "not sampled",
  ];
}

/** Top of the entropy axis for the greatest value on show, nats. */
export function entropyTop(greatest: number): number {
  return Math.max(6, 2 * Math.ceil(greatest / 2 - 1e-6));
}

/** Columns remembered: more than any window shows. */
const HELD = 128;

/** The columns of events, made once each while they are on show. */
export class WaterfallColumns {
  private readonly events: (TokenGenerated | undefined)[] = new Array(HELD);
  private readonly columns: (WaterfallColumn | undefined)[] = new Array(HELD);
  private vocabulary: Vocabulary | null = null;

  of(event: TokenGenerated, vocabulary: Vocabulary | null): WaterfallColumn {
    if (vocabulary !== this.vocabulary) {
      this.vocabulary = vocabulary;
      this.columns.fill(undefined);
    }
    const slot = event.step % HELD;
    let column = this.columns[slot];
    if (!column || this.events[slot] !== event) {
      column = columnOf(event, vocabulary);
      this.columns[slot] = column;
      this.events[slot] = event;
    }
    return column;
  }
}
