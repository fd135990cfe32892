// The trail's two thin widths, as one ribbon.
@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> trail: Trail;

const PIECES = 72u; // ribbon pieces a segment
const FINE = 0.62;
const SOFT = 1.8;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) across: f32, // from the middle, pixels
  @location(1) fade: f32,
  @location(2) @interpolate(flat) weight: f32,
}

@vertex
fn ribbon_corner(@builtin(vertex_index) vertex: u32) -> Corner {
  let piece = vertex / 6u;
  let segment = trail.segments[piece / PIECES];
  let corner = quad_corner(vertex);
  let s = (f32(piece % PIECES) + 0.5 + 0.5 * corner.x) / f32(PIECES) * segment.progress;
  let here = trail_point(frame, segment, s);
  // Neighbours share this slope, so that the ribbon has no seams.
  let slope = trail_point(frame, segment, s + 0.002).place - trail_point(frame, segment, s - 0.002).place;
  let along = slope / max(length(slope), 1e-6);
  let reach = SOFT * 3.2 * frame.scale;
  var out: Corner;
  out.across = corner.y * reach;
  out.clip = to_clip(here.place + vec2f(-along.y, along.x) * out.across, frame.size);
  if (max(segment.start_light, segment.end_light) < 0.0005 || segment.progress <= 0.0) { out.clip = nowhere(); }
  out.fade = here.fade;
  out.weight = segment.weight;
  return out;
}

@fragment
fn ribbon_light(in: Corner) -> @location(0) vec4f {
  let d = in.across / frame.scale;
  let line = frame.mark_exposure / frame.scale / frame.scale * 0.85 / 0.625 / sqrt(6.28318531);
  let fine = 0.0040 * line / FINE * exp(-0.5 * d * d / (FINE * FINE)) * in.fade;
  let soft = 0.0026 * line / SOFT * exp(-0.5 * d * d / (SOFT * SOFT)) * pow(in.fade, 1.35);
  let light = palette(0.86) * fine + palette(0.7) * soft;
  return vec4f(light * in.weight, 0.0);
}
