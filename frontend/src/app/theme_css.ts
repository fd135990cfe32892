import { css } from "../hud/color";
import { color, fontStack, size, text } from "../hud/theme";

/** The theme as custom properties, so that style sheets name roles and hold no colour of their own. */
export function applyTheme(root: HTMLElement): void {
  for (const [role, value] of Object.entries(color)) root.style.setProperty(`--${role}`, css(value));
  root.style.setProperty("--font", fontStack);
  root.style.setProperty("--caption", `${text.caption.size}px`);
  root.style.setProperty("--data-size", `${text.data.size}px`);
  root.style.setProperty("--token-size", `${text.token.size}px`);
  root.style.setProperty("--margin", `${size.margin}px`);
  root.style.setProperty("--padding", `${size.padding}px`);
}
