@group(0) @binding(0) var<uniform> frame: Frame;
@group(0) @binding(1) var<storage, read> sprites: array<Sprite>;
@group(0) @binding(2) var<storage, read> spikes: array<u32>;

struct Corner {
  @builtin(position) clip: vec4f,
  @location(0) offset: vec2f,                  // along and across the arm; 720 lines and widths
  @location(1) @interpolate(flat) light: vec3f, // radiance in the middle
}

@vertex
fn spike_corner(@builtin(vertex_index) vertex: u32) -> Corner {
  let quad = vertex / 6u;
  let sprite = sprites[spikes[quad / 2u]];
  let width = max(0.8 * sprite.sigma.x, 0.7);
  let strength = spike_strength(spike_excess(sprite.peak.x, sprite.sigma.x), width, frame.scale);
  let along = spike_direction(quad % 2u);
  var out: Corner;
  let corner = quad_corner(vertex);
  let reach = spike_reach(strength);
  out.offset = corner * vec2f(reach, 3.0);
  let place = along * corner.x * reach * frame.scale + vec2f(-along.y, along.x) * corner.y * 3.0 * width;
  out.clip = to_clip(sprite.position + place, frame.size);
  out.light = palette(sprite.tone) * strength;
  return out;
}

@fragment
fn spike_light(in: Corner) -> @location(0) vec4f {
  let across = exp(-0.5 * in.offset.y * in.offset.y) - 0.0111;
  return vec4f(in.light * (max(across, 0.0) * spike_falloff(in.offset.x)), 0.0);
}
