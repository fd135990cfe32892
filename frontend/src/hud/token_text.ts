/** What is shown in place of a character that has no shape of its own; null if it has one. */
export function mark(cluster: string): string | null {
  if (cluster === "\n" || cluster === "\r\n") return "↵";
  if (cluster === "\t") return "⇥";
  const code = cluster.codePointAt(0)!;
  if (code < 0x20) return String.fromCodePoint(0x2400 + code);
  if (code === 0x7f) return "␡";
  if (code === 0xa0) return "⍽";
  if ((code >= 0x200b && code <= 0x200f) || code === 0xfeff || code === 0x2060) return "◌";
  return null;
}
