// Lines, dashes, and what lies under a curve.

fn segment_distance(p: vec2f, a: vec2f, b: vec2f) -> f32 {
  let ab = b - a;
  let t = clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0);
  return length(p - a - ab * t);
}

// One segment of a polyline. Where its neighbour is nearer the neighbour draws, so that translucent lines and
// halos do not double at the joints.
fn shade_line(corner: Corner, p: vec2f) -> vec4f {
  let a = corner.place.xy;
  let b = corner.place.zw;
  let own = segment_distance(p, a, b);
  let before = any(corner.form.xy != a) && segment_distance(p, corner.form.xy, a) < own;
  let after = any(corner.form.zw != b) && segment_distance(p, b, corner.form.zw) <= own;
  let d = own - corner.more.x * 0.5;
  let ab = b - a;
  let t = clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0);
  let c = mix(color_of(corner.colors.x), color_of(corner.colors.y), t);
  let inside = coverage(d);
  let drawn = over(premultiplied(c, inside), halo(d, corner.more.y, c) * (1.0 - inside));
  return select(drawn, vec4f(0.0), before || after);
}

fn shade_dash(corner: Corner, p: vec2f) -> vec4f {
  let a = corner.place.xy;
  let ab = corner.place.zw - a;
  let span = max(length(ab), 1e-3);
  let along = clamp(dot(p - a, ab) / span, 0.0, span);
  let period = corner.form.x + corner.form.y;
  let at = along + corner.form.z;
  let into = at - floor(at / period) * period;
  // Distance from the dash's middle, so that both of its ends are smooth.
  let end = abs(into - corner.form.x * 0.5) - corner.form.x * 0.5;
  let d = max(segment_distance(p, a, corner.place.zw) - corner.more.x * 0.5, end);
  return premultiplied(color_of(corner.colors.x), coverage(d));
}

// Under a segment of a curve, fading downwards.
fn shade_area(corner: Corner, p: vec2f) -> vec4f {
  let t = clamp((p.x - corner.place.x) / max(corner.place.z - corner.place.x, 1e-3), 0.0, 1.0);
  let top = mix(corner.place.y, corner.place.w, t);
  let depth = clamp((p.y - corner.form.y) / max(corner.form.x - corner.form.y, 1e-3), 0.0, 1.0);
  return premultiplied(mix(color_of(corner.colors.x), color_of(corner.colors.y), depth), coverage(top - p.y));
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let p = logical(corner);
  switch corner.kind {
    case LINE: { return shade_line(corner, p); }
    case DASH: { return shade_dash(corner, p); }
    default: { return shade_area(corner, p); }
  }
}
