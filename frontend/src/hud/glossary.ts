import { ATTENTION_TERMS } from "./terms/attention_terms";
import { LAYERS_TERMS } from "./terms/layers_terms";
import { MEMORY_TERMS } from "./terms/memory_terms";
import { RUN_TERMS } from "./terms/run_terms";
import type { Term } from "./terms/term";

export type { Term } from "./terms/term";

const ALL = [...RUN_TERMS, ...ATTENTION_TERMS, ...LAYERS_TERMS, ...MEMORY_TERMS].flatMap(([said, labels]) =>
  labels.map((label) => [label, said] as const),
);
const BY_LABEL = new Map(ALL.filter(([label]) => !label.startsWith("#")));
const BY_TITLE = new Map(
  ALL.filter(([label]) => label.startsWith("#")).map(([label, said]) => [label.slice(1), said]),
);

/** What a caption says before its first number or dot: "time per token · full bar 40 ms". */
const beginning = (caption: string): string => /^.*?(?=\s[\d·]|\s?$)/.exec(caption)![0];

/** The term that a caption stands for or begins with, or the heading or tab of a panel, if it is one. */
export function termOf(caption: string, heads: boolean): Term | undefined {
  const terms = heads ? BY_TITLE : BY_LABEL;
  return terms.get(caption) ?? terms.get(beginning(caption));
}
