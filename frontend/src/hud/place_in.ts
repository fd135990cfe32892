import type { Rect } from "./layout";
import { Seen } from "./seen";

/** Where the parts of an instrument stand in its rectangle: made anew only when that has changed. */
export class PlaceIn<P> {
  private readonly seen = new Seen();
  private made: P | null = null;

  constructor(private readonly make: (rect: Rect) => P) {}

  of(rect: Rect): P {
    const { seen } = this;
    seen.begin();
    seen.value(rect.x);
    seen.value(rect.y);
    seen.value(rect.width);
    seen.value(rect.height);
    if (seen.changed || !this.made) this.made = this.make(rect);
    return this.made;
  }
}
