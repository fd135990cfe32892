import { canvasSizeFor, type Pixels, refusal } from "./sizes";
import { ExportError, pictureOf, type Studio } from "./studio";

/** What is on show at this moment as a PNG of any size, drawn anew at that size. */
export async function takeStill(studio: Studio, pixels: Pixels): Promise<Blob> {
  const refused = refusal(pixels);
  if (refused) throw new ExportError(refused);
  const picture = pictureOf(studio);
  const canvas = new OffscreenCanvas(pixels.width, pixels.height);
  const { ownPace } = studio;
  studio.ownPace = false;
  try {
    picture.moveTo({ canvas, size: canvasSizeFor(pixels, studio.screen) });
    studio.tick();
    const blob = canvas.convertToBlob({ type: "image/png" });
    await picture.idle();
    return await blob;
  } finally {
    picture.moveTo(null);
    studio.ownPace = ownPace;
    if (ownPace) studio.tick();
  }
}
