// Signed distances in logical pixels, after Inigo Quilez, "2D distance functions" (iquilezles.org), and the
// shapes made of them.

fn box_distance(p: vec2f, half_size: vec2f, radius: f32, cut: f32) -> f32 {
  let q = abs(p) - half_size;
  let r = q + radius;
  let rounded = length(max(r, vec2f(0.0))) + min(max(r.x, r.y), 0.0) - radius;
  // Corners cut at 45 degrees: an octagon when the cut is wide.
  return select(rounded, max(rounded, (q.x + q.y + cut) * 0.70710678), cut > 0.0);
}

fn segment_distance(p: vec2f, a: vec2f, b: vec2f) -> f32 {
  let ab = b - a;
  let t = clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0);
  return length(p - a - ab * t);
}

fn shade_box(item: Item, p: vec2f) -> vec4f {
  let half_size = (item.place.zw - item.place.xy) * 0.5;
  let d = box_distance(p - item.place.xy - half_size, half_size, item.form.x, item.form.y);
  let along = (p - item.place.xy) / max(item.place.zw - item.place.xy, vec2f(1e-3));
  let t = clamp(select(along.x, along.y, item.more.x > 0.5), 0.0, 1.0);
  let inside = coverage(d);
  var result = premultiplied(mix(color_of(item.colors.x), color_of(item.colors.y), t), inside);
  if (item.form.z > 0.0) {
    let ring = inside * (1.0 - coverage(d + item.form.z));
    result = over(premultiplied(color_of(item.colors.z), ring), result);
  }
  return over(result, halo(d, item.form.w, color_of(item.colors.w)) * (1.0 - inside));
}

// One segment of a polyline. Where its neighbour is nearer the neighbour draws, so that translucent
// lines and halos do not double at the joints.
fn shade_line(item: Item, p: vec2f) -> vec4f {
  let a = item.place.xy;
  let b = item.place.zw;
  let own = segment_distance(p, a, b);
  let has_before = any(item.form.xy != a);
  let has_after = any(item.form.zw != b);
  if (has_before && segment_distance(p, item.form.xy, a) < own) {
    return vec4f(0.0);
  }
  if (has_after && segment_distance(p, b, item.form.zw) <= own) {
    return vec4f(0.0);
  }
  let d = own - item.more.x * 0.5;
  let ab = b - a;
  let t = clamp(dot(p - a, ab) / max(dot(ab, ab), 1e-6), 0.0, 1.0);
  let c = mix(color_of(item.colors.x), color_of(item.colors.y), t);
  let inside = coverage(d);
  let light = vec4f(c.rgb, c.a * color_of(item.colors.w).a);
  return over(premultiplied(c, inside), halo(d, item.more.y, light) * (1.0 - inside));
}

fn shade_dash(item: Item, p: vec2f) -> vec4f {
  let a = item.place.xy;
  let ab = item.place.zw - a;
  let span = max(length(ab), 1e-3);
  let along = clamp(dot(p - a, ab) / span, 0.0, span);
  let period = item.form.x + item.form.y;
  let at = along + item.form.z;
  let into = at - floor(at / period) * period;
  // Distance from the dash's middle, so that both of its ends are smooth.
  let end = abs(into - item.form.x * 0.5) - item.form.x * 0.5;
  let d = max(segment_distance(p, a, item.place.zw) - item.more.x * 0.5, end);
  return premultiplied(color_of(item.colors.x), coverage(d));
}

const TURN = 6.28318530718;

fn shade_arc(item: Item, p: vec2f) -> vec4f {
  let from_centre = p - item.place.xy;
  let radius = item.place.z;
  let width = item.place.w;
  let start = item.form.x;
  let sweep = item.form.y;
  // Angles run clockwise from twelve o'clock.
  let angle = atan2(from_centre.x, -from_centre.y) - start;
  let turned = angle - floor(angle / TURN) * TURN;
  var d = abs(length(from_centre) - radius) - width * 0.5;
  if (turned > sweep && sweep < TURN - 1e-4) {
    // Past the ends, the nearer end is the nearest thing: round caps.
    let first = from_centre - radius * vec2f(sin(start), -cos(start));
    let last = from_centre - radius * vec2f(sin(start + sweep), -cos(start + sweep));
    d = min(length(first), length(last)) - width * 0.5;
  }
  if (item.form.z > 0.0) {
    let step = sweep / item.form.z;
    let into = turned - floor(turned / step) * step;
    let gap = abs(into - step * 0.5) - step * 0.5 * (1.0 - item.form.w);
    d = max(d, gap * radius);
  }
  let inside = coverage(d);
  let c = mix(color_of(item.colors.x), color_of(item.colors.y), clamp(turned / max(sweep, 1e-3), 0.0, 1.0));
  return over(premultiplied(c, inside), halo(d, item.more.x, color_of(item.colors.w)) * (1.0 - inside));
}

// Under a segment of a curve, fading downwards.
fn shade_area(item: Item, p: vec2f) -> vec4f {
  let t = clamp((p.x - item.place.x) / max(item.place.z - item.place.x, 1e-3), 0.0, 1.0);
  let top = mix(item.place.y, item.place.w, t);
  let depth = clamp((p.y - item.form.y) / max(item.form.x - item.form.y, 1e-3), 0.0, 1.0);
  return premultiplied(mix(color_of(item.colors.x), color_of(item.colors.y), depth), coverage(top - p.y));
}
