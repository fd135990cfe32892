// Boxes and arcs by their signed distances, after Inigo Quilez, "2D distance functions" (iquilezles.org).

const TURN = 6.28318530718;

fn box_distance(p: vec2f, half_size: vec2f, radius: f32, cut: f32) -> f32 {
  let q = abs(p) - half_size;
  let r = q + radius;
  let rounded = length(max(r, vec2f(0.0))) + min(max(r.x, r.y), 0.0) - radius;
  // Corners cut at 45 degrees: an octagon when the cut is wide.
  return select(rounded, max(rounded, (q.x + q.y + cut) * 0.70710678), cut > 0.0);
}

fn shade_box(corner: Corner, p: vec2f) -> vec4f {
  let half_size = (corner.place.zw - corner.place.xy) * 0.5;
  let d = box_distance(p - corner.place.xy - half_size, half_size, corner.form.x, corner.form.y);
  let inside = coverage(d);
  // The stroke lies inside the edge.
  let ring = select(0.0, inside - coverage(d + corner.form.z), corner.form.z > 0.0);
  let fill = premultiplied(color_of(corner.colors.x), inside);
  let result = over(premultiplied(color_of(corner.colors.z), ring), fill);
  return over(result, halo(d, corner.form.w, color_of(corner.colors.w)) * (1.0 - inside));
}

fn shade_arc(corner: Corner, p: vec2f) -> vec4f {
  let from_centre = p - corner.place.xy;
  let radius = corner.place.z;
  let width = corner.place.w;
  let start = corner.form.x;
  let sweep = corner.form.y;
  // Angles run clockwise from twelve o'clock.
  let angle = atan2(from_centre.x, -from_centre.y) - start;
  let turned = angle - floor(angle / TURN) * TURN;
  var d = abs(length(from_centre) - radius) - width * 0.5;
  if (turned > sweep && sweep < TURN - 1e-4) {
    // Past the ends, the nearer end is the nearest thing: round caps. Segments end flat, as they part.
    let first = from_centre - radius * vec2f(sin(start), -cos(start));
    let last = from_centre - radius * vec2f(sin(start + sweep), -cos(start + sweep));
    let capped = min(length(first), length(last)) - width * 0.5;
    d = select(capped, max(d, min(turned - sweep, TURN - turned) * radius), corner.form.z > 0.0);
  }
  if (corner.form.z > 0.0) {
    let step = sweep / corner.form.z;
    let into = turned - floor(turned / step) * step;
    let gap = abs(into - step * 0.5) - step * 0.5 * (1.0 - corner.form.w);
    d = max(d, gap * radius);
  }
  let inside = coverage(d);
  let t = clamp(turned / max(sweep, 1e-3), 0.0, 1.0);
  let c = mix(color_of(corner.colors.x), color_of(corner.colors.y), t);
  let glow = halo(d, corner.more.x, color_of(corner.colors.w));
  return over(premultiplied(c, inside), glow * (1.0 - inside));
}

@fragment
fn shade(corner: Corner) -> @location(0) vec4f {
  let p = logical(corner);
  if (corner.kind == ARC) {
    return shade_arc(corner, p);
  }
  return shade_box(corner, p);
}
