import { h } from "./dom";

const DELAY = 350;

/** One sentence about what the pointer or the focus is on: the `data-tip` of the element. */
export class Tip {
  readonly element = h("div", { class: "tip", role: "tooltip", hidden: true });
  private timer: ReturnType<typeof setTimeout> | undefined;
  private owner: HTMLElement | null = null;

  constructor(root: HTMLElement, signal: AbortSignal) {
    const enter = (event: Event) => this.wait(ownerOf(event.target));
    const leave = () => this.hide();
    root.addEventListener("pointerover", enter, { signal });
    root.addEventListener("pointerleave", leave, { signal });
    root.addEventListener("pointerdown", leave, { signal });
    root.addEventListener(
      "focusin",
      (event) => {
        if (event.target instanceof Element && event.target.matches(":focus-visible")) enter(event);
      },
      { signal },
    );
    root.addEventListener("focusout", leave, { signal });
    window.addEventListener(
      "keydown",
      (event) => {
        if (event.key === "Escape") this.hide();
      },
      { signal, capture: true },
    );
  }

  private wait(owner: HTMLElement | null): void {
    if (owner === this.owner) return;
    this.hide();
    if (!owner) return;
    this.owner = owner;
    this.timer = setTimeout(() => this.show(owner), DELAY);
  }

  private show(owner: HTMLElement): void {
    const text = owner.dataset.tip;
    if (!text || !owner.isConnected) return;
    this.element.textContent = text;
    this.element.hidden = false;
    const anchor = owner.getBoundingClientRect();
    const own = this.element.getBoundingClientRect();
    const x = Math.min(
      innerWidth - own.width - 8,
      Math.max(8, anchor.left + anchor.width / 2 - own.width / 2),
    );
    const above = anchor.top - own.height - 8;
    this.element.style.left = `${Math.round(x)}px`;
    this.element.style.top = `${Math.round(above > 8 ? above : anchor.bottom + 8)}px`;
  }

  private hide(): void {
    clearTimeout(this.timer);
    this.owner = null;
    this.element.hidden = true;
  }
}

function ownerOf(target: EventTarget | null): HTMLElement | null {
  return target instanceof Element ? target.closest<HTMLElement>("[data-tip]") : null;
}
