// Plain and graded rectangles, most of what there is: exact coverage of their edges, and nothing else.
@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let at = logical(corner);
  let half_pixel = 0.5 / view.scale;
  let low = max(at - half_pixel, corner.place.xy);
  let high = min(at + half_pixel, corner.place.zw);
  let inside = max(high - low, vec2f(0.0)) * view.scale;
  let along = (at - corner.place.xy) / max(corner.place.zw - corner.place.xy, vec2f(1e-3));
  let t = clamp(select(along.x, along.y, corner.more.x > 0.5), 0.0, 1.0);
  return premultiplied(mix(color_of(corner.colors.x), color_of(corner.colors.y), t), inside.x * inside.y);
}
