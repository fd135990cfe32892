/** The text of every token of a vocabulary, fetched once per model. */
export interface Vocabulary {
  readonly hash: string;
  readonly size: number;
  /** The token's own bytes as text; broken UTF-8 shows as U+FFFD. */
  text(id: number): string;
  /** As shown on one line: spaces and line breaks made visible, control tokens in ‹›. */
  label(id: number): string;
  isControl(id: number): boolean;
}
