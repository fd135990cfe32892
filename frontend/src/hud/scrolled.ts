import { optionSet } from "../state/reduce";
import type { AppState } from "../state/state";

const TEXT = /^-?\d{1,7}(\.\d{1,3})?$/;

/** Where an instrument is scrolled to, kept in the state's options, and so in the address. */
export class Scrolled {
  /** Null: nobody has scrolled. */
  value: number | null = null;
  private text: string | undefined;

  constructor(private readonly option: string) {}

  /** Takes what a link or another page of the history names; true where that is news. */
  follow({ options }: AppState): boolean {
    const text = options.get(this.option);
    if (text === this.text) return false;
    this.text = text;
    this.value = text !== undefined && TEXT.test(text) ? Number(text) : null;
    return true;
  }

  set(state: AppState, value: number | null): void {
    if (value === this.value) return;
    this.value = value;
    this.text = value === null ? undefined : String(value);
    optionSet(state, this.option, this.text ?? null);
  }
}
