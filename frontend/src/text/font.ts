import fontUrl from "../../../build/fonts/DejaVuSansMono.woff2?url";
import { fontFamily, fontStack } from "../hud/theme";

/**
 * Loads the bundled mono font, for the atlas and for the page's style sheets alike. Resolves to false, and
 * the text falls back to the system's mono font, where it can't be had: a page without its font is still a page.
 */
export async function loadFont(): Promise<boolean> {
  try {
    const face = new FontFace(fontFamily, `url(${fontUrl}) format("woff2")`, { display: "block" });
    document.fonts.add(await face.load());
    return true;
  } catch {
    return false;
  }
}

export { fontFamily, fontStack };
