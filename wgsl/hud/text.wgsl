// Glyphs were rasterised at device size and lie on whole pixels: one texel is one pixel.
@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let origin = floor(corner.place.xy * view.scale + 0.5);
  let at = floor(corner.position.xy - origin);
  // Turned clockwise: down the screen is along the bitmap, and right is up in it.
  let turned = vec2f(at.y, corner.place.z - 1.0 - at.x);
  let texel = vec2i(select(at, turned, corner.form.z > 0.5) + corner.form.xy);
  return premultiplied(color_of(corner.colors.x), textureLoad(glyphs, texel, 0).r);
}
