/**
 * Cuts text into what is drawn as one glyph: a grapheme cluster (an emoji with its joiners, a letter with its
 * marks), or a whole word of a right-to-left or joining script, which only the browser can shape.
 */

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Hebrew, Arabic, Syriac, Thaana, NKo, Indic and South-East Asian scripts, and Arabic presentation forms. */
const SHAPED =
  /[\u0590-\u08ff\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc]/u;
const SHAPED_RUN =
  /[\u0590-\u08ff\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc\u200c\u200d]+|[^\u0590-\u08ff\u0900-\u0dff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\ufb1d-\ufdff\ufe70-\ufefc]+/gu;

/** A shaped run is cut at this many characters, so that one bitmap stays bounded. */
const LONGEST_RUN = 24;

/** Characters from 0x20 to 0x7e only: each is its own cluster. */
export function isPlain(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

/**
 * Latin, Greek and Cyrillic letters, punctuation, symbols, arrows, boxes, kana and Han: none of these joins with what
 * stands beside it, so that in a text of nothing else each character is a cluster.
 */
const LONE =
  /^[\x20-\x7e\xa1-\xac\xae-\u02ff\u0370-\u0482\u048a-\u052f\u1e00-\u1eff\u2010-\u2027\u2030-\u205e\u2070-\u20cf\u2100-\u2bff\u3001-\u3029\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff]*$/;

function cut(text: string): string[] {
  if (LONE.test(text)) return text.split("");
  const out: string[] = [];
  const runs = SHAPED.test(text) ? (text.match(SHAPED_RUN) ?? []) : [text];
  for (const run of runs) {
    if (SHAPED.test(run)) {
      for (let i = 0; i < run.length; i += LONGEST_RUN) out.push(run.slice(i, i + LONGEST_RUN));
    } else {
      for (const { segment } of graphemes.segment(run)) out.push(segment);
    }
  }
  return out;
}

const CACHED = 4096;
const cache = new Map<string, readonly string[]>();

/** The clusters of `text`, in the order they are drawn; null where each of its characters is one. */
export function cutOf(text: string): readonly string[] | null {
  return isPlain(text) ? null : clusters(text);
}

/** The clusters of `text`, in the order they are drawn. Remembered, since frames ask again and again. */
export function clusters(text: string): readonly string[] {
  const known = cache.get(text);
  if (known) return known;
  const made = cut(text);
  if (cache.size >= CACHED) cache.clear();
  cache.set(text, made);
  return made;
}
