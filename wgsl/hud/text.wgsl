// Glyphs were rasterised at device size and lie on whole pixels: one texel is one pixel.
@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let origin = floor(corner.place.xy * view.scale + 0.5);
  let texel = vec2i(floor(corner.position.xy - origin) + corner.form.xy);
  return premultiplied(color_of(corner.colors.x), textureLoad(glyphs, texel, 0).r);
}
