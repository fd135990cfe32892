/**
 * Unpacks gzip to exactly `raw` bytes, and never much past them: null if it is not that. What
 * does not fit is let go of as it comes, so that a small file can't fill the memory.
 */
export async function inflate(packed: Blob, raw: number): Promise<Uint8Array | null> {
  const reader = packed.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const body = new Uint8Array(raw);
  let at = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return at === raw ? body : null;
      if (at + value.length > raw) return null;
      body.set(value, at);
      at += value.length;
    }
  } catch {
    return null; // no gzip, cut off, or with more behind it
  } finally {
    await reader.cancel().catch(() => {});
  }
}
