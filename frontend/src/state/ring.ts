/** A fixed number of the newest items; nothing is allocated once it is full. */
export class Ring<T> {
  private readonly items: (T | undefined)[];
  private next = 0;
  private held = 0;

  constructor(readonly capacity: number) {
    this.items = new Array(capacity);
  }

  get length(): number {
    return this.held;
  }

  push(item: T): void {
    this.items[this.next] = item;
    this.next = (this.next + 1) % this.capacity;
    this.held = Math.min(this.held + 1, this.capacity);
  }

  /** 0 is the oldest held, -1 the newest; undefined outside. */
  at(index: number): T | undefined {
    const i = index < 0 ? this.held + index : index;
    if (i < 0 || i >= this.held) return undefined;
    return this.items[(this.next - this.held + i + this.capacity) % this.capacity];
  }

  clear(): void {
    this.items.fill(undefined);
    this.next = 0;
    this.held = 0;
  }
}
