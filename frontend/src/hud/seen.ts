/** Remembers what something was made from, to make it anew only when that has changed. */
export class Seen {
  changed = true;
  private readonly values: unknown[] = [];
  private next = 0;
  private fresh = true;

  begin(): void {
    this.next = 0;
    this.changed = this.fresh;
    this.fresh = false;
  }

  /** One of the things it was made from; always as many, in the same order. */
  value(value: unknown): void {
    const i = this.next++;
    if (this.values[i] !== value) this.changed = true;
    this.values[i] = value;
  }
}
