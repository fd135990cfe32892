// A matrix: one cell a texel, through the ramp; large cells keep a gap.
@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let extent = corner.place.zw - corner.place.xy;
  let cells = (logical(corner) - corner.place.xy) / extent * corner.form.zw;
  let cell = clamp(floor(cells), vec2f(0.0), corner.form.zw - 1.0);
  let value = textureLoad(heat, vec2i(corner.form.xy + cell), 0).r;
  let at = pow(clamp(value, 0.0, 1.0), corner.more.x) * f32(textureDimensions(ramp).x - 1u);
  let low = textureLoad(ramp, vec2i(i32(floor(at)), 0), 0);
  let high = textureLoad(ramp, vec2i(i32(ceil(at)), 0), 0);
  let size = extent / corner.form.zw;
  let inside = (cells - cell) * size;
  let gap = corner.more.y;
  let d = max(gap * 0.5 - min(inside.x, size.x - inside.x), gap * 0.5 - min(inside.y, size.y - inside.y));
  let kept = select(1.0, coverage(d), gap > 0.0);
  // Bits of a number that is none: the model has no such cell.
  let none = (bitcast<u32>(value) & 0x7fffffffu) > 0x7f800000u;
  let shown = color_of(corner.colors.x).a * kept;
  return premultiplied(mix(low, high, fract(at)), select(shown, 0.0, none));
}
