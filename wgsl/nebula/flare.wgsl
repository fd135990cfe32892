// The chosen token's white flash and its spikes: three quads a flare.
@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<uniform> trail: Trail;

const QUADS = 3u; // body and two arms
const BODY_REACH = 34.0;
const WHITE = vec3f(1.0, 0.95, 0.86);

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,                 // body: pixels of 720 lines; arm: along, across
  @location(1) @interpolate(flat) peak: vec3f, // body: of the three narrow Gaussians; arm: x alone
  @location(2) @interpolate(flat) part: u32,   // 0 body, 1 and 2 arms
}

@vertex
fn flare_corner(@builtin(vertex_index) vertex: u32) -> Corner {
  let quad = vertex / 6u;
  let flare = trail.flares[quad / QUADS];
  let place = project(frame, flare.place);
  let corner = quad_corner(vertex);
  let unit = frame.mark_exposure / (frame.scale * frame.scale) * flare.amount;
  let weight = vec3f(1.3, 1.15, 0.75 * flare.broad) + vec3f(1.2, 1.0, flare.broad) * flare.light;
  let peak = unit * weight / (TAU * vec3f(1.5 * 1.5, 4.0 * 4.0, 11.0 * 11.0));
  var out: Corner;
  out.part = quad % QUADS;
  if (out.part == 0u) {
    out.offset = corner * BODY_REACH;
    out.peak = peak;
    out.clip = to_clip(place.position + out.offset * frame.scale, frame.size);
  } else {
    let excess = spike_excess(peak.x, 1.5) + spike_excess(peak.y, 4.0);
    let strength = spike_strength(excess, 1.6, 1.0);
    let reach = spike_reach(strength);
    let along = spike_direction(out.part - 1u);
    out.offset = corner * vec2f(reach, 3.0);
    out.peak = vec3f(strength);
    let across = vec2f(-along.y, along.x) * corner.y * 3.0 * 1.6;
    out.clip = to_clip(place.position + (along * corner.x * reach + across) * frame.scale, frame.size);
  }
  if (flare.amount <= 0.0 || place.depth <= 0.5) { out.clip = nowhere(); }
  return out;
}

@fragment
fn flare_light(in: Corner) -> @location(0) vec4f {
  if (in.part != 0u) {
    let across = max(exp(-0.5 * in.offset.y * in.offset.y) - 0.0111, 0.0);
    return vec4f(WHITE * (in.peak.x * across * spike_falloff(in.offset.x)), 0.0);
  }
  let r2 = dot(in.offset, in.offset);
  let fall = exp(-0.5 * r2 / vec3f(2.25, 16.0, 121.0)) - vec3f(0.0, 0.0, exp(-0.5 * BODY_REACH * BODY_REACH / 121.0));
  let light = dot(in.peak, max(fall, vec3f(0.0)));
  return vec4f(WHITE * light, 0.0);
}
