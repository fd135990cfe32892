/** A square part of a matrix of attention, in positions. */
export interface MatrixWindow {
  readonly query: number;
  readonly key: number;
  readonly span: number;
}

/** Positions along the side of the closest view. */
const CLOSEST = 8;

/**
 * The whole of `length` positions, and a little room for those to come: so that the picture does not change its
 * measure with every token.
 */
export function wholeWindow(length: number): MatrixWindow {
  const step = 2 ** Math.max(0, Math.floor(Math.log2(Math.max(length, 1) / 12)));
  return { query: 0, key: 0, span: Math.max(CLOSEST, Math.ceil(length / step) * step) };
}

/** Nearer by `factor` (above 1) round a place that stays where it is; null when all is in view again. */
export function zoomed(
  window: MatrixWindow,
  length: number,
  factor: number,
  query: number,
  key: number,
): MatrixWindow | null {
  const whole = wholeWindow(length).span;
  const span = Math.min(Math.max(Math.round(window.span / factor), CLOSEST), whole);
  if (span >= whole) return null;
  const share = span / window.span;
  const first = (start: number, at: number): number => Math.round(at - (at - start) * share);
  return within({ query: first(window.query, query), key: first(window.key, key), span }, whole);
}

/** Moved by whole positions. */
export function moved(window: MatrixWindow, length: number, queries: number, keys: number): MatrixWindow {
  return within(
    { ...window, query: window.query + queries, key: window.key + keys },
    wholeWindow(length).span,
  );
}

/** Moved into the whole, of which it must be a part. */
export function within({ query, key, span }: MatrixWindow, whole: number): MatrixWindow {
  const last = Math.max(0, whole - span);
  const clamp = (value: number): number => Math.min(Math.max(value, 0), last);
  return { query: clamp(query), key: clamp(key), span };
}
