/** Numbers as the instruments write them. */

/** A probability: `.355`, `1`, and `<.001` for what three digits can't tell from nothing. */
export function probability(p: number): string {
  if (p >= 0.9995) return p === 1 ? "1" : ">.999";
  if (p < 0.001) return p === 0 ? "0" : "<.001";
  return p.toFixed(3).slice(1);
}

/** A count with thin groups: `49 152`. */
export function count(n: number): string {
  return Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, " ");
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes to about three digits: `22.5 MiB`. */
export function bytes(n: number): string {
  let unit = 0;
  let value = n;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit]}`;
}

/** Seconds as a person reads them: `28.9 ms`, `1.20 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.9995) return `${(seconds * 1000).toFixed(seconds < 0.1 ? 1 : 0)} ms`;
  return `${seconds.toFixed(seconds < 10 ? 2 : 1)} s`;
}

/** Tokens per second; a dash before anything was measured. */
export function rate(perSecond: number): string {
  if (!(perSecond > 0)) return "–";
  return perSecond >= 100 ? perSecond.toFixed(0) : perSecond.toFixed(1);
}

export function percent(share: number): string {
  const p = share * 100;
  return `${p > 0 && p < 9.95 ? p.toFixed(1) : p.toFixed(0)} %`;
}

/** The next of 1, 1.5, 2, 3, 4, 5, 6, 8, 10 x 10^k that is not below `value`: a calm end for a scale. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8]) if (value <= step * power * (1 + 1e-9)) return step * power;
  return 10 * power;
}
