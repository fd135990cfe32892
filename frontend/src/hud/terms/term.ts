/** What a quantity is, in one sentence, and how it is computed. */
export interface Term {
  readonly name: string;
  readonly says: string;
  readonly formula: string;
}

/** A term, and the words that stand for it in captions; with # in headings and tabs of panels. */
export type Named = readonly [term: Term, labels: readonly string[]];

export const term = (name: string, says: string, formula: string, ...labels: string[]): Named => [
  { name, says, formula },
  labels,
];
