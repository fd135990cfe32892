import { h } from "../dom";

/** Until a new live region is known to a screen reader, in milliseconds. */
const SETTLED = 100;

let line: HTMLElement | null = null;

/** Has a screen reader say what a key has done: what a pointer does is followed by the eye. */
export function announce(words: string): void {
  if (!line?.isConnected) {
    line = h("p", { class: "visually-hidden", role: "status", "aria-label": "Instruments" });
    document.body.append(line);
  }
  const said = line;
  said.textContent = "";
  setTimeout(() => {
    said.textContent = words;
  }, SETTLED);
}
